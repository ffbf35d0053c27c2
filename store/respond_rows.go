package store

import (
	"fmt"

	"github.com/uptrace/bun"

	"github.com/evenkeel/evenkeel/respond"
)

type alertRow struct {
	bun.BaseModel `bun:"table:alerts"`

	ID        string `bun:"id,pk"`
	Tenant    string `bun:"tenant"`
	Fate      string `bun:"fate"`
	EndedAt   int64  `bun:"ended_at"`
	WakeAt    int64  `bun:"wake_at"`
	ChangedAt int64  `bun:"changed_at"`
	Body      string `bun:"body"`
}

func writeAlert(st respond.Standing) (alertRow, error) {
	body, err := pack(st)
	return alertRow{ID: st.ID, Tenant: st.Tenant, Fate: string(st.Fate), EndedAt: micros(st.EndedAt),
		WakeAt: micros(st.WakeAt), ChangedAt: micros(st.ChangedAt), Body: body}, err
}

func readAlert(r alertRow) (respond.Standing, error) {
	st, err := unpack[respond.Standing](r.Body)
	if err != nil {
		return st, fmt.Errorf("alert %s: %w", r.ID, err)
	}
	// What is due is found by the columns: whoever verifies must see the same.
	st.Fate, st.EndedAt, st.WakeAt = respond.Fate(r.Fate), moment(r.EndedAt), moment(r.WakeAt)
	return st, nil
}

type joinRow struct {
	bun.BaseModel `bun:"table:incident_alerts"`

	Incident string `bun:"incident,pk"`
	Alert    string `bun:"alert,pk"`
	Tenant   string `bun:"tenant"`
	At       int64  `bun:"at"`
}

type incidentRow struct {
	bun.BaseModel `bun:"table:incidents"`

	ID          string `bun:"id,pk"`
	Tenant      string `bun:"tenant"`
	Number      int64  `bun:"number"`
	Environment string `bun:"environment"`
	State       string `bun:"state"`
	Severity    int    `bun:"severity"`
	Assignee    string `bun:"assignee"`
	Group       string `bun:"grp"`
	MergedInto  string `bun:"merged_into"`
	ResolvedAt  int64  `bun:"resolved_at"`
	WakeAt      int64  `bun:"wake_at"`
	ChangedAt   int64  `bun:"changed_at"`
	Revision    int64  `bun:"revision"`
	Place       []byte `bun:"place"`
	Search      string `bun:"search"`
	Body        string `bun:"body"`
}

func writeIncident(i respond.Incident) (incidentRow, error) {
	body, err := pack(i)
	return incidentRow{ID: i.ID, Tenant: i.Tenant, Number: i.Number, Environment: plain(i.Environment), State: string(i.State),
		Severity: int(i.Severity), Assignee: plain(i.Assignee), Group: plain(i.Group), MergedInto: i.MergedInto, ResolvedAt: micros(i.ResolvedAt),
		WakeAt: micros(i.WakeAt), ChangedAt: micros(i.ChangedAt), Revision: i.Revision, Place: incidentPlace(i),
		Search: searchable(i.Title), Body: body}, err
}

// incidentPlace is the order of respond.IncidentPage: not resolved before
// resolved, then severity falling, then last change falling, then id.
func incidentPlace(i respond.Incident) []byte {
	closed := standing
	if i.State == respond.Resolved {
		closed = resolved
	}
	return append([]byte{closed, ^byte(i.Severity)}, newestFirst(i.ChangedAt, i.ID)...)
}

func readIncident(r incidentRow) (respond.Incident, error) {
	i, err := unpack[respond.Incident](r.Body)
	if err != nil {
		return i, fmt.Errorf("incident %s: %w", r.ID, err)
	}
	i.State, i.WakeAt, i.Revision = respond.State(r.State), moment(r.WakeAt), r.Revision
	return i, nil
}

type pageRow struct {
	bun.BaseModel `bun:"table:pages"`

	ID        string `bun:"id,pk"`
	Tenant    string `bun:"tenant"`
	Incident  string `bun:"incident"`
	Recipient string `bun:"recipient"`
	State     string `bun:"state"`
	BegunAt   int64  `bun:"begun_at"`
	Body      string `bun:"body"`
}

func writePage(p respond.Page) (pageRow, error) {
	body, err := pack(p)
	return pageRow{ID: p.ID, Tenant: p.Tenant, Incident: p.Incident, Recipient: plain(p.To()), State: string(p.State),
		BegunAt: micros(p.BegunAt), Body: body}, err
}

func readPage(r pageRow) (respond.Page, error) {
	p, err := unpack[respond.Page](r.Body)
	if err != nil {
		return p, fmt.Errorf("page %s: %w", r.ID, err)
	}
	p.State = respond.PageState(r.State)
	return p, nil
}

type messageRow struct {
	bun.BaseModel `bun:"table:messages"`

	ID         string `bun:"id,pk"`
	Tenant     string `bun:"tenant"`
	Incident   string `bun:"incident"`
	Page       string `bun:"page"`
	Kind       string `bun:"kind"`
	Channel    string `bun:"channel"`
	Contact    string `bun:"contact"`
	State      string `bun:"state"`
	Reason     string `bun:"reason"`
	Tries      int    `bun:"tries"`
	Uncertain  int    `bun:"uncertain"`
	NextAt     int64  `bun:"next_at"`
	LeaseUntil int64  `bun:"lease_until"`
	ChangedAt  int64  `bun:"changed_at"`
	SentAt     int64  `bun:"sent_at"`
	Thread     string `bun:"thread"`
	ToldBy     string `bun:"told_by"`
	Body       string `bun:"body"`
}

func writeMessage(m respond.Message) (messageRow, error) {
	body, err := pack(m)
	r := messageRow{ID: m.ID, Tenant: m.Tenant, Incident: m.Incident, Page: m.Page, Kind: string(m.Kind),
		Channel: string(m.Contact.Channel), Contact: m.Contact.ID, State: string(m.State), Reason: plain(m.Reason), Tries: m.Tries,
		NextAt: micros(m.NextAt), LeaseUntil: micros(m.LeaseUntil), ChangedAt: micros(m.ChangedAt), SentAt: micros(m.SentAt),
		Thread: plain(m.Content.Thread), ToldBy: m.Into, Body: body}
	if m.Uncertain {
		r.Uncertain = 1
	}
	return r, err
}

func readMessage(r messageRow) (respond.Message, error) {
	m, err := unpack[respond.Message](r.Body)
	if err != nil {
		return m, fmt.Errorf("message %s: %w", r.ID, err)
	}
	// What a claim or a withdrawal changes is in the columns alone.
	m.State, m.Reason, m.Tries, m.Uncertain = respond.MessageState(r.State), r.Reason, r.Tries, r.Uncertain != 0
	m.PossibleDuplicate = m.PossibleDuplicate || r.Uncertain == 2
	m.NextAt, m.LeaseUntil, m.ChangedAt = moment(r.NextAt), moment(r.LeaseUntil), moment(r.ChangedAt)
	return m, nil
}

type ledgerRow struct {
	bun.BaseModel `bun:"table:ledger"`

	Tenant   string `bun:"tenant,pk"`
	ID       string `bun:"id,pk"`
	At       int64  `bun:"at"`
	Kind     string `bun:"kind"`
	Reason   string `bun:"reason"`
	By       string `bun:"by_name"`
	Incident string `bun:"incident"`
	Alert    string `bun:"alert"`
	Page     string `bun:"page"`
	Message  string `bun:"message"`
	Person   string `bun:"person"`
}

func writeEntry(e respond.Entry) ledgerRow {
	return ledgerRow{Tenant: e.Tenant, ID: e.ID, At: micros(e.At), Kind: string(e.Kind), Reason: plain(e.Reason), By: plain(e.By),
		Incident: e.Incident, Alert: e.Alert, Page: e.Page, Message: e.Message, Person: plain(e.Person)}
}

func readEntry(r ledgerRow) (respond.Entry, error) {
	return respond.Entry{Tenant: r.Tenant, ID: r.ID, At: moment(r.At), Kind: respond.EntryKind(r.Kind), Reason: r.Reason, By: r.By,
		Incident: r.Incident, Alert: r.Alert, Page: r.Page, Message: r.Message, Person: r.Person}, nil
}

type contactRow struct {
	bun.BaseModel `bun:"table:contacts"`

	Tenant string `bun:"tenant,pk"`
	ID     string `bun:"id,pk"`
	Person string `bun:"person"`
	Body   string `bun:"body"`
}

type policyRow struct {
	bun.BaseModel `bun:"table:policies"`

	Tenant string `bun:"tenant,pk"`
	ID     string `bun:"id,pk"`
	Body   string `bun:"body"`
}
