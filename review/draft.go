package review

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/correlate/impact"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond"
)

// Quick and slow answers, by which a draft says what went well and what did not.
// They are where most published paging goals lie, and only begin a talk.
const (
	quickDetect, slowDetect = 2 * time.Minute, 15 * time.Minute
	quickAnswer, slowAnswer = 5 * time.Minute, 15 * time.Minute
)

// Draft makes a document of what is known. Changes are those of its
// surroundings, from before it began on; felt is what users felt of it; names are
// people's names by their ids.
func Draft(s respond.Story, changes []estate.Change, felt impact.Impact, names map[string]string) Document {
	i := s.Incident
	d := Document{Tenant: i.Tenant, Environment: i.Environment, Incident: i.ID, Number: i.Number, Title: i.Title, Severity: i.Severity,
		Times: timesOf(i, s.Alerts), Timeline: timeline(s, changes), Actions: []Action{}}
	d.Summary = summary(d, s, names)
	d.Impact = whatWasFelt(s, felt)
	d.Factors = factors(d.Times, changes)
	d.Well, d.Badly = lists(praise(d.Times, s)), lists(blame(d.Times, s))
	return d
}

func summary(d Document, s respond.Story, names map[string]string) string {
	var b strings.Builder
	b.WriteString(sentence(d.Title))
	spans, ok := d.Times.Spans()
	switch {
	case !ok[0]: // nobody says when it began
		fmt.Fprintf(&b, " It was noticed at %s", stamp(d.Times.Detected))
	case spans[0] < time.Second:
		fmt.Fprintf(&b, " It began at %s", stamp(d.Times.Began))
	default:
		fmt.Fprintf(&b, " It began at %s and was noticed %s later", stamp(d.Times.Began), figure.Span(spans[0]))
	}
	b.WriteString(".")
	if ok[1] {
		fmt.Fprintf(&b, " %s took it up %s after it was noticed.", someone(firstTaker(s, names)), figure.Span(spans[1]))
	} else {
		b.WriteString(" Nobody took it up.")
	}
	if ok[3] {
		fmt.Fprintf(&b, " It was over %s after it was noticed.", figure.Span(spans[3]))
	} else {
		b.WriteString(" It is not over yet.")
	}
	return b.String()
}

// firstTaker names who took it up first.
func firstTaker(s respond.Story, names map[string]string) string {
	for _, e := range s.Entries {
		if e.Kind == respond.Taken || e.Kind == respond.Postponed {
			if n := names[e.Person]; n != "" {
				return n
			}
			return e.By
		}
	}
	return ""
}

func someone(name string) string {
	if name == "" {
		return "Somebody"
	}
	return name
}

// whatWasFelt says what the alerts say that users feel, and what was counted of
// it. What is not known is for people to write, and stands there as not known.
func whatWasFelt(s respond.Story, felt impact.Impact) string {
	var lines []string
	seen := map[string]bool{}
	for _, a := range s.Alerts {
		first, _, _ := strings.Cut(strings.TrimSpace(a.Text), "\n")
		line := a.Title
		if first != "" {
			line = sentence(a.Title) + " " + first
		}
		if !seen[line] && len(lines) < 20 {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	return lists(append(lines, felt.Sentences()...))
}

// factors lists what changed shortly before it began: a place to look, and no
// verdict.
func factors(t Times, changes []estate.Change) string {
	var lines []string
	for _, c := range changes {
		before := t.start().Sub(c.At)
		if before < 0 || before > time.Hour || len(lines) == 20 {
			continue
		}
		line := fmt.Sprintf("%s before it began: %s", figure.Span(before), sentence(c.Summary))
		if c.Who != "" {
			line += " (by " + c.Who + ")"
		}
		lines = append(lines, line)
	}
	return lists(lines)
}

// praise is what the ledger shows to have gone well.
func praise(t Times, s respond.Story) (out []string) {
	spans, ok := t.Spans()
	if ok[0] && spans[0] <= quickDetect && !s.Incident.Declared {
		out = append(out, fmt.Sprintf("It was noticed %s after it began, by an alert and not by a customer.", figure.Span(spans[0])))
	}
	if ok[1] && spans[1] <= quickAnswer {
		out = append(out, fmt.Sprintf("It was taken up after %s.", figure.Span(spans[1])))
	}
	if merged := len(s.Alerts); merged > 1 && s.Incident.Paged > 0 {
		out = append(out, fmt.Sprintf("%d alerts made one incident.", merged))
	}
	return out
}

// blame is what the ledger shows not to have gone well.
func blame(t Times, s respond.Story) (out []string) {
	spans, ok := t.Spans()
	if s.Incident.Declared {
		out = append(out, "A person noticed it; no alert did.")
	} else if ok[0] && spans[0] >= slowDetect {
		out = append(out, fmt.Sprintf("It was noticed only %s after it began.", figure.Span(spans[0])))
	}
	if ok[1] && spans[1] >= slowAnswer {
		out = append(out, fmt.Sprintf("It was taken up only after %s.", figure.Span(spans[1])))
	}
	count := map[respond.EntryKind]int{}
	for _, e := range s.Entries {
		count[e.Kind]++
	}
	if n := count[respond.NobodyToPage]; n > 0 {
		out = append(out, times(n)+" a step of the escalation reached nobody.")
	}
	if count[respond.Exhausted] > 0 {
		out = append(out, "Everybody of the escalation was told and nobody took it up.")
	}
	failed := map[string]int{}
	for _, m := range s.Messages {
		if m.State == respond.Failed {
			failed[m.Contact.Name]++
		}
	}
	for _, name := range sortedKeys(failed) {
		out = append(out, fmt.Sprintf("%d of the messages to %s failed.", failed[name], name))
	}
	if n := count[respond.Reopened]; n > 0 {
		out = append(out, "It was thought over and opened again: "+strings.ToLower(times(n))+".")
	}
	return out
}

// times says how often.
func times(n int) string {
	switch n {
	case 1:
		return "Once"
	case 2:
		return "Twice"
	}
	return fmt.Sprintf("%d times", n)
}

// told are the kinds of entries that a reader of the document wants. Tries and
// queues are for the ledger.
var told = []respond.EntryKind{respond.AlertReceived, respond.AlertEnded, respond.Opened, respond.PageBegun, respond.NobodyToPage, respond.Taken,
	respond.Reassigned, respond.Exhausted, respond.Postponed, respond.Changed, respond.Merged, respond.Split, respond.Noted, respond.Finished, respond.Reopened,
	respond.RoleGiven, respond.TaskAdded, respond.TaskDone, respond.Unfinished}

func timeline(s respond.Story, changes []estate.Change) []Moment {
	out := []Moment{}
	for _, e := range s.Entries {
		if slices.Contains(told, e.Kind) {
			out = append(out, Moment{e.At, e.By, e.Reason})
		}
	}
	for _, c := range changes {
		out = append(out, Moment{c.At, c.Who, "Change: " + sentence(c.Summary)})
	}
	slices.SortStableFunc(out, func(a, b Moment) int { return a.At.Compare(b.At) })
	return out[:min(len(out), maxMoments)]
}

func lists(lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString("- " + oneLine(l) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// sentence ends a title with a full stop.
func sentence(s string) string {
	s = oneLine(s)
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
