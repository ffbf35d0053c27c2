// Package figure writes figures as people say them: short, in a unit that fits
// their size, with no digit that does not matter. Findings and pages use the
// same, so that one figure never reads in two ways.
package figure

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// In writes a value in its unit, short and with two digits that matter. Units
// are those of finding.Evidence; another one stands behind the number as it is.
func In(v float64, unit string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "no figure"
	}
	switch unit {
	case "ratio":
		return Number(v*100) + " %"
	case "seconds":
		return seconds(v)
	case "bytes":
		return scaled(v, 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"})
	case "bytes/s":
		return scaled(v, 1000, []string{"B/s", "kB/s", "MB/s", "GB/s", "TB/s"})
	case "1/s":
		return scaled(v, 1000, []string{"/s", "k/s", "M/s", "G/s"})
	case "cores":
		return Number(v) + " " + cores(v)
	case "timestamp":
		return time.Unix(int64(v), 0).UTC().Format("2 Jan 2006 15:04 UTC")
	case "", "count":
		if math.Abs(v) >= 10000 {
			return scaled(v, 1000, []string{"", "k", "M", "G"})
		}
		return Number(v)
	default:
		return Number(v) + " " + unit
	}
}

// Number writes a number without a unit.
func Number(v float64) string {
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
	return strings.TrimSpace(Number(v) + " " + units[i])
}

func seconds(v float64) string {
	switch a := math.Abs(v); {
	case a == 0:
		return "0 s"
	case a < 1e-3:
		return Number(v*1e6) + " µs"
	case a < 1:
		return Number(v*1e3) + " ms"
	case a < 120:
		return Number(v) + " s"
	case a > math.MaxInt64/1e9: // 292 years, and more than a time.Duration holds
		return Number(v/86400/365) + " years"
	case v < 0:
		return "-" + Span(time.Duration(a*float64(time.Second)))
	default:
		return Span(time.Duration(v * float64(time.Second)))
	}
}

func cores(v float64) string {
	if v <= 1 {
		return "core"
	}
	return "cores"
}

// Span writes a duration in its one or two largest units: "2 min", "1 h 5 min".
func Span(d time.Duration) string {
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
