package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

var small = []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}

// number writes a count as a word where it is small, as people do in a sentence.
func number(n int) string {
	if n >= 0 && n < len(small) {
		return small[n]
	}
	return grouped(n)
}

// grouped writes 12345 as 12,345.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural picks the word for n.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// upperFirst begins a sentence.
func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// span writes a duration in its one or two largest units: "2 min", "1 h 5 min".
func span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	switch {
	case d < time.Millisecond:
		return "under 1 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 10*time.Hour:
		if m := int(d.Minutes()) % 60; m != 0 {
			return fmt.Sprintf("%d h %d min", int(d.Hours()), m)
		}
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// spanWords is span for the middle of a sentence: "2 minutes".
func spanWords(d time.Duration) string {
	n, one := int(d.Seconds()), "second"
	switch {
	case d >= 48*time.Hour:
		n, one = int(d.Hours()/24), "day"
	case d >= 2*time.Hour:
		n, one = int(d.Hours()), "hour"
	case d >= time.Minute:
		n, one = int(d.Minutes()), "minute"
	}
	return fmt.Sprintf("%d %s", n, plural(n, one, one+"s"))
}

// ago writes how long before now t was.
func ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d < 0:
		return "in " + span(d)
	case d < 5*time.Second:
		return "just now"
	default:
		return span(d) + " ago"
	}
}

// clock writes a time of day, with the date where it is not today's.
func clock(t, now time.Time) string {
	t = t.In(now.Location())
	switch {
	case t.IsZero():
		return "never"
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04")
	case t.Year() == now.Year():
		return t.Format("2 Jan 15:04")
	default:
		return t.Format("2 Jan 2006 15:04")
	}
}

// figure writes a value in its unit, short and with at most three digits that
// matter. Units are those of finding.Evidence.
func figure(v float64, unit string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "no figure"
	}
	switch unit {
	case "ratio":
		return digits(v*100) + " %"
	case "seconds":
		return seconds(v)
	case "bytes":
		return scaled(v, 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"})
	case "bytes/s":
		return scaled(v, 1000, []string{"B/s", "kB/s", "MB/s", "GB/s", "TB/s"})
	case "1/s":
		return scaled(v, 1000, []string{"/s", "k/s", "M/s", "G/s"})
	case "cores":
		return digits(v) + " " + plural(int(math.Ceil(v)), "core", "cores")
	case "timestamp":
		return time.Unix(int64(v), 0).UTC().Format("2 Jan 2006 15:04 UTC")
	case "", "count":
		if math.Abs(v) >= 10000 {
			return scaled(v, 1000, []string{"", "k", "M", "G"})
		}
		return digits(v)
	default:
		return digits(v) + " " + unit
	}
}

func digits(v float64) string {
	a := math.Abs(v)
	switch {
	case a == 0:
		return "0"
	case a < 0.0005:
		return "~0" // there is something, and it does not matter how little
	case a < 0.01:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case a < 1:
		return trimZeros(strconv.FormatFloat(v, 'f', 2, 64))
	case a < 10:
		return trimZeros(strconv.FormatFloat(v, 'f', 1, 64))
	default:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
}

func trimZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func scaled(v, base float64, units []string) string {
	i := 0
	for math.Abs(v) >= base && i < len(units)-1 {
		v /= base
		i++
	}
	return strings.TrimSpace(digits(v) + " " + units[i])
}

func seconds(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0 s"
	case a < 1e-3:
		return digits(v*1e6) + " µs"
	case a < 1:
		return digits(v*1e3) + " ms"
	case a < 120:
		return digits(v) + " s"
	default:
		return span(time.Duration(v * float64(time.Second)))
	}
}

// kindWord is how people call a kind of entity.
var kindWords = map[estate.Kind][2]string{
	estate.Host: {"host", "hosts"}, estate.Disk: {"disk", "disks"},
	estate.Filesystem: {"filesystem", "filesystems"}, estate.Interface: {"network interface", "network interfaces"},
	estate.Unit: {"service unit", "service units"}, estate.Container: {"container", "containers"},
	estate.Group: {"process group", "process groups"}, estate.Listener: {"listening port", "listening ports"},
	estate.Endpoint: {"endpoint", "endpoints"}, estate.Certificate: {"certificate", "certificates"},
	estate.Target: {"scraped exporter", "scraped exporters"}, estate.Collector: {"collector", "collectors"},
}

func kindWord(k estate.Kind, n int) string {
	w, known := kindWords[k]
	switch {
	case !known:
		return string(k)
	case n == 1:
		return w[0]
	default:
		return w[1]
	}
}

// relationWords says a relation from either side.
var relationWords = map[estate.RelationKind][2]string{
	estate.RunsOn: {"runs on", "runs"}, estate.StoredOn: {"is stored on", "stores"},
	estate.PartOf: {"is part of", "has"}, estate.Serves: {"serves", "is served by"},
	estate.Answers: {"answers for", "is answered by"}, estate.Secures: {"secures", "is secured by"},
	estate.Calls: {"calls", "is called by"}, estate.Owns: {"owns", "is owned by"},
}

func relationWord(k estate.RelationKind, forward bool) string {
	w, known := relationWords[k]
	switch {
	case !known && forward:
		return string(k)
	case !known:
		return string(k) + " (from)"
	case forward:
		return w[0]
	default:
		return w[1]
	}
}

// changeWord is how people call a kind of change: "unit-restart" reads "unit restart".
func changeWord(kind string) string { return strings.ReplaceAll(kind, "-", " ") }
