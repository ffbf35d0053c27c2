package status

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"time"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText []byte

// group is the components of one name, for the template.
type group struct {
	Name  string
	Parts []ShownPart
}

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"joined": Joined,
	"stamp":  func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"when":   func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
	"day":    func(t time.Time) string { return t.UTC().Format("2 January 2006") },
	"groups": func(list []ShownPart) (out []group) {
		for _, c := range list {
			if n := len(out); n == 0 || out[n-1].Name != c.Group {
				out = append(out, group{Name: c.Group})
			}
			out[len(out)-1].Parts = append(out[len(out)-1].Parts, c)
		}
		return out
	},
	"stage": func(s Stage) string {
		return map[Stage]string{Announced: "Announced", Underway: "In progress", Done: "Done"}[s]
	},
	"works": func(list []ShownWork, done bool) (out []ShownWork) {
		for _, w := range list {
			if (w.Stage == Done) == done {
				out = append(out, w)
			}
		}
		return out
	},
	"bad": func(days []Day) (out []Day) {
		for n := len(days) - 1; n >= 0; n-- {
			if s := days[n].State; s != Operational && s != Unknown {
				out = append(out, days[n])
			}
		}
		return out
	},
	"tally": tally,
}).Parse(pageText))

// tally says in words what the bars of a component show.
func tally(days []Day) string {
	count := map[State]int{}
	for _, d := range days {
		count[d.State]++
	}
	out := fmt.Sprintf("Last %d days: %d without trouble", len(days), count[Operational])
	for _, s := range []State{Maintained, Degraded, Partial, Major, Unknown} {
		if count[s] > 0 {
			out += fmt.Sprintf(", %d %s", count[s], map[State]string{Maintained: "with maintenance", Degraded: "slower or limited", Partial: "failing for some", Major: "out of order", Unknown: "not known"}[s])
		}
	}
	return out + "."
}

// Render makes a page's files.
func Render(v View) (map[string][]byte, error) {
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, v); err != nil {
		return nil, fmt.Errorf("render the status page %s: %w", v.Slug, err)
	}
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, fmt.Errorf("render the status page %s: %w", v.Slug, err)
	}
	feed, err := feedOf(v)
	if err != nil {
		return nil, fmt.Errorf("render the feed of the status page %s: %w", v.Slug, err)
	}
	return map[string][]byte{"index.html": page.Bytes(), "style.css": styleText, "status.json": append(data, '\n'), "feed.xml": feed}, nil
}

// Atom (RFC 4287).
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID      string     `xml:"id"`
	Title   string     `xml:"title"`
	Updated string     `xml:"updated"`
	Links   []atomLink `xml:"link"`
	Content atomText   `xml:"content"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

func feedOf(v View) ([]byte, error) {
	f := atomFeed{ID: "urn:evenkeel:status:" + v.Slug, Title: v.Title, Author: v.Title}
	link := func(anchor string) []atomLink { return []atomLink{{Rel: "alternate", Href: v.URL + anchor}} }
	f.Links = link("")
	newest := time.Time{}
	for _, list := range [][]ShownCase{v.Current, v.Past} {
		for _, c := range list {
			for _, u := range c.Updates {
				newest = latest(newest, u.At)
				f.Entries = append(f.Entries, atomEntry{ID: "urn:evenkeel:update:" + u.ID, Title: c.Title + ": " + u.Phase.Words(), Updated: u.At.UTC().Format(time.RFC3339),
					Links: link("#i-" + c.ID), Content: atomText{"text", u.Text + "\n\n" + Joined(c.Components)}})
			}
		}
	}
	for _, w := range v.Maintenance {
		f.Entries = append(f.Entries, atomEntry{ID: "urn:evenkeel:maintenance:" + w.ID, Title: "Maintenance: " + w.Title, Updated: w.From.UTC().Format(time.RFC3339),
			Links: link("#m-" + w.ID), Content: atomText{"text", fmt.Sprintf("From %s to %s. %s\n\n%s", w.From.UTC().Format("2 January 2006 15:04 UTC"), w.To.UTC().Format("2 January 2006 15:04 UTC"), w.Text, Joined(w.Components))}})
	}
	f.Updated = latest(newest, v.WrittenAt).UTC().Format(time.RFC3339)
	out, err := xml.MarshalIndent(f, "", " ")
	return append([]byte(xml.Header), append(out, '\n')...), err
}
