package respond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Report is what Verify found in one tenant's ledger.
type Report struct {
	Tenant             string               `json:"tenant"`
	At                 time.Time            `json:"at"`
	Alerts             map[Fate]int         `json:"alerts"`
	Incidents          map[State]int        `json:"incidents"`
	Pages              map[PageState]int    `json:"pages"`
	Messages           map[MessageState]int `json:"messages"`
	Entries            map[EntryKind]int64  `json:"entries"`
	PossibleDuplicates int                  `json:"possibleDuplicates"`
	// LostCount is how many things have no explained state, or none from which
	// anything can come; Lost names the first thousand.
	LostCount int       `json:"lostCount"`
	Lost      []Problem `json:"lost,omitempty"`
	// StuckCount is how many things are due for longer than five minutes.
	StuckCount int       `json:"stuckCount"`
	Stuck      []Problem `json:"stuck,omitempty"`
}

// Good tells whether nothing is lost or stuck.
func (r Report) Good() bool { return r.LostCount == 0 && r.StuckCount == 0 }

// Problem is one thing of the ledger that is not explained.
type Problem struct {
	What string `json:"what"` // "alert", "incident", "page", "message", "ledger"
	ID   string `json:"id"`
	Text string `json:"text"`
}

const (
	// verifyAtOnce is how many alerts or incidents are looked at together.
	verifyAtOnce = 200
	// lateAfter is how long something may be due before it counts as stuck.
	lateAfter = 5 * time.Minute
	// problemsNamed bounds the problems that a report names.
	problemsNamed = 1000
)

// Verify reads a tenant's whole ledger and finds what is lost or stuck. It
// holds a part of it in memory at a time, and a count for each incident that
// stands. Where work goes on meanwhile, a problem counts only if a second look
// finds the same.
func Verify(ctx context.Context, store Store, tenant string, now time.Time) (Report, error) {
	r, err := verifyOnce(ctx, store, tenant, now)
	if err != nil || r.Good() {
		return r, err
	}
	second, err := verifyOnce(ctx, store, tenant, now)
	if err != nil {
		return Report{}, err
	}
	second.Lost, second.LostCount = both(r.Lost, second.Lost, second.LostCount)
	second.Stuck, second.StuckCount = both(r.Stuck, second.Stuck, second.StuckCount)
	return second, nil
}

// both keeps the problems that are in both lists. Where a list was cut off, the
// count stands.
func both(a, b []Problem, count int) ([]Problem, int) {
	if count > problemsNamed {
		return b, count
	}
	kept := slices.DeleteFunc(b, func(p Problem) bool { return !slices.Contains(a, p) })
	return kept, len(kept)
}

// verifier is one look at a ledger.
type verifier struct {
	Report
	store  Store
	firing map[string]int // alerts that stand in each incident
	tried  int            // messages that a try has ended
}

func verifyOnce(ctx context.Context, store Store, tenant string, now time.Time) (Report, error) {
	v := &verifier{store: store, firing: map[string]int{}, Report: Report{Tenant: tenant, At: now, Alerts: map[Fate]int{},
		Incidents: map[State]int{}, Pages: map[PageState]int{}, Messages: map[MessageState]int{}}}
	if err := v.alerts(ctx); err != nil {
		return Report{}, fmt.Errorf("verify the ledger of %s: %w", tenant, err)
	}
	if err := v.incidents(ctx); err != nil {
		return Report{}, fmt.Errorf("verify the ledger of %s: %w", tenant, err)
	}
	if err := v.digests(ctx); err != nil {
		return Report{}, fmt.Errorf("verify the ledger of %s: %w", tenant, err)
	}
	var err error
	// Counted last: what is added meanwhile has its entries in the same
	// transaction.
	if v.Entries, err = store.CountLedger(ctx, tenant); err != nil {
		return Report{}, fmt.Errorf("verify the ledger of %s: %w", tenant, err)
	}
	v.entries()
	return v.Report, nil
}

// entries finds what happened without a line that says so.
func (v *verifier) entries() {
	pages := 0
	for _, n := range v.Pages {
		pages += n
	}
	incidents := 0
	for _, n := range v.Incidents {
		incidents += n
	}
	for _, x := range []struct {
		kind  EntryKind
		least int
		what  string
	}{
		{Opened, incidents, "incidents"},
		{PageBegun, pages, "pages"},
		{PageEnded, pages - v.Pages[PageOpen], "pages that have ended"},
		{MessageTried, v.tried, "messages that were sent or given up"},
	} {
		if have := int(v.Entries[x.kind]); have < x.least {
			v.lost(Problem{"ledger", string(x.kind), fmt.Sprintf("there are %d %s and %d entries that say so", x.least, x.what, have)})
		}
	}
}

func (v *verifier) lost(problems ...Problem) {
	v.LostCount += len(problems)
	v.Lost = append(v.Lost, problems[:min(len(problems), problemsNamed-len(v.Lost))]...)
}

func (v *verifier) stuck(problems ...Problem) {
	v.StuckCount += len(problems)
	v.Stuck = append(v.Stuck, problems[:min(len(problems), problemsNamed-len(v.Stuck))]...)
}

func (v *verifier) alerts(ctx context.Context) error {
	for after := ""; ; {
		list, err := v.store.Alerts(ctx, v.Tenant, after, verifyAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		var ids []string
		for _, st := range list {
			ids = append(ids, st.Incidents...)
		}
		incidents, err := v.store.IncidentsByID(ctx, unique(ids))
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, i := range incidents {
			there[i.ID] = true
		}
		for _, st := range list {
			v.Alerts[st.Fate]++
			v.lost(checkAlert(st, there)...)
			if late := v.At.Sub(st.WakeAt); !st.WakeAt.IsZero() && late > lateAfter {
				v.stuck(Problem{"alert", st.ID, "it should have been looked at " + span(late) + " ago"})
			}
			if st.Fate == Over {
				continue
			}
			for _, id := range st.Incidents {
				v.firing[id]++
			}
		}
	}
}

// checkAlert finds what is wrong with an alert by itself.
func checkAlert(st Standing, incidents map[string]bool) (out []Problem) {
	wrong := func(text string) { out = append(out, Problem{"alert", st.ID, text}) }
	if st.Reason == "" {
		wrong("its fate has no reason")
	}
	switch st.Fate {
	case Grouped:
		if len(st.Incidents) == 0 {
			wrong("it stands in no incident")
		}
		for _, id := range st.Incidents {
			if !incidents[id] {
				wrong("its incident " + id + " is not there")
			}
		}
	case Muted:
		if st.WakeAt.IsZero() {
			wrong("it is muted and nothing looks at it again")
		}
	case Explained:
		if st.WakeAt.IsZero() {
			wrong("it is explained by what is told already, and nothing looks at it again")
		}
		if st.By == "" && st.FreeAt.IsZero() {
			wrong("it is explained, and nothing says by what")
		}
		if len(st.Incidents) > 0 {
			wrong("it is explained, and stands in an incident")
		}
	case Over:
		if st.EndedAt.IsZero() {
			wrong("it is over and has no end")
		}
	default:
		wrong(fmt.Sprintf("its fate is %q", st.Fate))
	}
	if len(st.Waiting) > 0 && st.WakeAt.IsZero() {
		wrong("a muted target waits and nothing looks at it again")
	}
	if st.Fate != Over && !st.EndsAt.IsZero() && st.WakeAt.IsZero() {
		wrong("it ends by silence and nothing looks at it again")
	}
	return out
}

func (v *verifier) incidents(ctx context.Context) error {
	for after := ""; ; {
		list, err := v.store.IncidentsAfter(ctx, v.Tenant, after, verifyAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		ids := make([]string, len(list))
		for n, i := range list {
			ids[n] = i.ID
		}
		pages, err := v.store.PagesOf(ctx, ids, false)
		if err != nil {
			return err
		}
		messages, err := v.store.MessagesOf(ctx, ids, false)
		if err != nil {
			return err
		}
		pagesOf, messagesOf := map[string][]Page{}, map[string][]Message{}
		for _, p := range pages {
			v.Pages[p.State]++
			pagesOf[p.Incident] = append(pagesOf[p.Incident], p)
		}
		told := map[string]bool{}
		for _, m := range messages {
			messagesOf[m.Incident] = append(messagesOf[m.Incident], m)
			v.message(m)
			if m.State == Coalesced {
				told[m.Into] = true
			}
		}
		for _, i := range list {
			v.Incidents[i.State]++
			v.lost(checkIncident(i, pagesOf[i.ID], messagesOf[i.ID], v.firing[i.ID])...)
			delete(v.firing, i.ID)
			if late := v.At.Sub(i.WakeAt); !i.WakeAt.IsZero() && late > lateAfter {
				v.stuck(Problem{"incident", i.ID, "it should have been looked at " + span(late) + " ago"})
			}
		}
		for id := range told {
			if _, err := v.store.Message(ctx, v.Tenant, id); errors.Is(err, ErrNotFound) {
				v.lost(Problem{"message", id, "messages say that it tells of them, and it is not there"})
			} else if err != nil {
				return err
			}
		}
	}
}

// checkIncident finds what is wrong with an incident, its pages and messages.
func checkIncident(i Incident, pages []Page, messages []Message, firing int) (out []Problem) {
	wrong := func(what, id, text string) { out = append(out, Problem{what, id, text}) }
	asleep := i.WakeAt.IsZero()
	switch {
	case i.State == Triggered && asleep:
		wrong("incident", i.ID, "nobody has taken it up, and nothing looks at it again")
	case i.State == Snoozed && asleep:
		wrong("incident", i.ID, "it is put off, and nothing looks at it again")
	case i.State == Resolved && i.Firing > 0 && asleep:
		wrong("incident", i.ID, "alerts of it fire, and nothing looks at it again")
	case i.State != Resolved && !i.Declared && i.Firing == 0 && asleep:
		wrong("incident", i.ID, "its alerts have ended, and nothing resolves it")
	}
	if firing != i.Firing {
		wrong("incident", i.ID, fmt.Sprintf("at revision %d it counts %d alerts that stand, and %d do", i.Revision, i.Firing, firing))
	}
	if len(pages) != i.Paged {
		wrong("incident", i.ID, fmt.Sprintf("at revision %d it counts %d pages, and %d are there", i.Revision, i.Paged, len(pages)))
	}
	has := map[string]int{}
	for _, m := range messages {
		has[m.Page]++
	}
	open := map[string]bool{}
	for _, p := range pages {
		switch {
		case p.State == PageOpen:
			open[p.ID] = true
			if i.State != Triggered {
				wrong("page", p.ID, fmt.Sprintf("it is open, and its incident is %s", i.State))
			}
		case p.Reason == "" || p.EndedAt.IsZero():
			wrong("page", p.ID, "it has ended without a reason or a time")
		}
		if has[p.ID] == 0 && p.State != PageFailed {
			wrong("page", p.ID, "it has no message and no reason for that")
		}
	}
	for _, m := range messages {
		out = append(out, checkMessage(m)...)
		if m.State == Due && m.Page != "" && !open[m.Page] {
			wrong("message", m.ID, "it is to be sent, and its page has ended")
		}
	}
	return out
}

// checkMessage finds what is wrong with a message by itself.
func checkMessage(m Message) (out []Problem) {
	wrong := func(text string) { out = append(out, Problem{"message", m.ID, text}) }
	switch m.State {
	case Due:
		if m.NextAt.IsZero() {
			wrong("it is to be sent, and no time is set for it")
		}
	case Sending:
		if m.LeaseUntil.IsZero() {
			wrong("it is on its way, and nothing ends that")
		}
	case Failed, Superseded:
		if m.Reason == "" {
			wrong(fmt.Sprintf("it is %s without a reason", m.State))
		}
	case Coalesced:
		if m.Into == "" {
			wrong("nothing says within which message it is told")
		}
	case Sent, Delivered:
		if m.SentAt.IsZero() {
			wrong("it was sent at no time")
		}
	default:
		wrong(fmt.Sprintf("its state is %q", m.State))
	}
	return out
}

// message counts a message, and says where it is late.
func (v *verifier) message(m Message) {
	v.Messages[m.State]++
	if m.PossibleDuplicate {
		v.PossibleDuplicates++
	}
	if m.Tries > 0 && (m.State == Sent || m.State == Delivered || m.State == Failed) {
		v.tried++
	}
	if m.State == Due && v.At.Sub(m.NextAt) > lateAfter {
		v.stuck(Problem{"message", m.ID, "it should have been sent " + span(v.At.Sub(m.NextAt)) + " ago"})
	}
	if m.State == Sending && v.At.Sub(m.LeaseUntil) > lateAfter {
		v.stuck(Problem{"message", m.ID, "it was on its way until " + span(v.At.Sub(m.LeaseUntil)) + " ago, and nobody looked what became of it"})
	}
}

// digests looks at the messages that belong to no incident.
func (v *verifier) digests(ctx context.Context) error {
	for after := ""; ; {
		list, err := v.store.DigestMessages(ctx, v.Tenant, after, false, verifyAtOnce)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		for _, m := range list {
			v.message(m)
			v.lost(checkMessage(m)...)
		}
	}
}
