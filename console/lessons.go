package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evenkeel/evenkeel/access"
	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/internal/figure"
	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/review"
)

// Reviews is what the pages ask of what was learnt; *review.Service is one.
type Reviews interface {
	Document(ctx context.Context, actor access.Actor, tenant, incident string, now time.Time) (review.Document, error)
	Save(ctx context.Context, actor access.Actor, d review.Document, now time.Time) (review.Document, error)
	Documents(ctx context.Context, actor access.Actor, tenant string, before int64, limit int) ([]review.Document, error)
	Changes(ctx context.Context, actor access.Actor, story respond.Story, now time.Time) ([]estate.Change, error)
	Figures(ctx context.Context, actor access.Actor, tenant string, from, to time.Time, zone *time.Location) (review.Figures, error)
	Records(ctx context.Context, actor access.Actor, tenant string, from, to time.Time) (records []review.Record, cut bool, err error)
	Exemptions(ctx context.Context, actor access.Actor, tenant string, rules []review.Rule, now time.Time) (list []review.Exemption, cut bool, err error)
}

// lessonsPage is what many incidents say together, and the documents.
type lessonsPage struct {
	review.Figures
	Days      int
	Names     map[string]string
	Documents []review.Document
	Actions   []openAction
	Asked     time.Time
}

// openAction is an action that is not done, of any document.
type openAction struct {
	review.Action
	Of   review.Document
	Late bool
}

// lessonDays are the times that a person can choose, the usual one first.
var lessonDays = []int{30, 7, 90, 365}

// mostDocuments is how many documents the page looks at.
const mostDocuments = 100

func (c *Console) lessons(w http.ResponseWriter, r *http.Request) error {
	p := lessonsPage{Days: lessonDays[0], Asked: c.opt.Now()}
	if text := r.URL.Query().Get("days"); text != "" {
		var err error
		if p.Days, err = strconv.Atoi(text); err != nil || !slices.Contains(lessonDays, p.Days) {
			return badRequest("There is no such time. Choose one from the list.")
		}
	}
	var err error
	// Nights are counted in UTC: without JavaScript nobody knows whose night.
	if p.Figures, err = c.Reviews.Figures(r.Context(), c.actor(r), c.opt.Tenant, p.Asked.AddDate(0, 0, -p.Days), p.Asked, time.UTC); err != nil {
		return err
	}
	if p.Documents, err = c.Reviews.Documents(r.Context(), c.actor(r), c.opt.Tenant, 0, mostDocuments); err != nil {
		return err
	}
	if p.Names, err = c.names(r); err != nil {
		return err
	}
	p.Actions = openActions(p.Documents, p.Asked)
	return c.render(w, r, http.StatusOK, "Lessons", "/incidents", lessonsView(p))
}

// openActions are those that are not done, the one that is due first first.
func openActions(docs []review.Document, now time.Time) []openAction {
	var out []openAction
	today := now.UTC().Format(time.DateOnly)
	for _, d := range docs {
		for _, a := range d.Actions {
			if a.Done.IsZero() {
				out = append(out, openAction{Action: a, Of: d, Late: a.Due != "" && a.Due < today})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b openAction) int {
		if (a.Due == "") != (b.Due == "") { // without a date last
			if a.Due == "" {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Due, b.Due)
	})
	return out
}

// spanText is a mean and a median for people.
func spanText(s review.Span) string {
	if s.Known == 0 {
		return "not known"
	}
	return figure.Span(s.Median) + " (" + figure.Span(s.Mean) + ")"
}

func documentURL(incident string) string { return incidentURL(incident) + "/document" }

// documentPage is one document, to be read or to be edited.
type documentPage struct {
	review.Document
	Names   map[string]string
	People  []choice
	Respond bool
	Edit    bool
	Problem string
	Asked   time.Time
}

// blankActions is how many empty lines a form has for new actions.
const blankActions = 2

func (c *Console) document(w http.ResponseWriter, r *http.Request) error {
	d, err := c.Reviews.Document(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"), c.opt.Now())
	if err != nil {
		return err
	}
	return c.showDocument(w, r, http.StatusOK, documentPage{Document: d, Edit: r.URL.Query().Has("edit")})
}

func (c *Console) showDocument(w http.ResponseWriter, r *http.Request, status int, p documentPage) error {
	p.Asked = c.opt.Now()
	p.Respond = access.Can(c.actor(r), access.Respond, access.Scope{Tenant: p.Tenant, Environment: p.Environment}) == nil
	p.Edit = p.Edit && p.Respond
	var err error
	if p.Names, err = c.names(r); err != nil {
		return err
	}
	for id, name := range p.Names {
		p.People = append(p.People, choice{id, name})
	}
	slices.SortFunc(p.People, func(a, b choice) int { return strings.Compare(a.Title, b.Title) })
	return c.render(w, r, status, fmt.Sprintf("What was learnt from incident %d", p.Number), "/incidents", documentView(p))
}

func (c *Console) documentMarkdown(w http.ResponseWriter, r *http.Request) error {
	d, err := c.Reviews.Document(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"), c.opt.Now())
	if err != nil {
		return err
	}
	names, err := c.names(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="incident-%d.md"`, d.Number))
	_, err = w.Write([]byte(d.Markdown(names)))
	return err
}

func (c *Console) saveDocument(w http.ResponseWriter, r *http.Request) error {
	now := c.opt.Now()
	d, err := c.Reviews.Document(r.Context(), c.actor(r), c.opt.Tenant, r.PathValue("id"), now)
	if err != nil {
		return err
	}
	if err := access.Can(c.actor(r), access.Respond, access.Scope{Tenant: d.Tenant, Environment: d.Environment}); err != nil {
		return err
	}
	// What the incident says stays; what people write comes from the form.
	problem := documentFrom(r, &d, now)
	if problem == "" {
		var saved review.Document
		if saved, err = c.Reviews.Save(r.Context(), c.actor(r), d, now); err == nil {
			http.Redirect(w, r, documentURL(saved.Incident), http.StatusSeeOther)
			return nil
		}
		switch {
		case errors.Is(err, review.ErrConflict):
			problem = "Somebody else has saved this document meanwhile. What you wrote is below and not saved: open the document in another window, bring both together, and save again."
			if newest, err := c.Reviews.Document(r.Context(), c.actor(r), c.opt.Tenant, d.Incident, now); err == nil {
				d.Revision = newest.Revision
			}
		case errors.Is(err, review.ErrInvalid):
			problem = upperFirst(strings.ReplaceAll(err.Error(), review.ErrInvalid.Error()+": ", "")) + "."
		default:
			return err
		}
	}
	return c.showDocument(w, r, http.StatusUnprocessableEntity, documentPage{Document: d, Edit: true, Problem: problem})
}

// documentFrom reads what a person wrote into a document, and says what of it
// cannot be.
func documentFrom(r *http.Request, d *review.Document, now time.Time) (problem string) {
	if err := r.ParseForm(); err != nil {
		return "The form could not be read. Try again."
	}
	f := r.PostForm
	revision, err := strconv.ParseInt(f.Get("revision"), 10, 64)
	if err != nil {
		return "The form does not say which version you edited. Open it again."
	}
	d.Revision = revision
	for field, to := range map[string]*string{"summary": &d.Summary, "impact": &d.Impact, "factors": &d.Factors, "well": &d.Well, "badly": &d.Badly} {
		*to = strings.TrimSpace(strings.ReplaceAll(f.Get(field), "\r\n", "\n"))
	}
	d.Final = f.Get("final") != ""
	if d.Timeline, problem = momentsFrom(f); problem != "" {
		return problem
	}
	d.Actions = actionsFrom(f, d.Actions, now)
	return ""
}

// momentsFrom reads the lines of the timeline; one whose text was emptied is
// left out.
func momentsFrom(f url.Values) (out []review.Moment, problem string) {
	texts, bys := f["moment"], f["moment-by"]
	out = []review.Moment{}
	for n, at := range f["moment-at"] {
		if n >= len(texts) || strings.TrimSpace(texts[n]) == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			if t, err = time.Parse("2006-01-02 15:04", strings.Replace(strings.TrimSpace(at), "T", " ", 1)); err != nil {
				problem = fmt.Sprintf("Timeline: “%s” is not a time. Write it like 2027-03-28 02:30 (UTC).", at)
			}
		}
		m := review.Moment{At: t, Text: strings.TrimSpace(texts[n])}
		if n < len(bys) {
			m.By = bys[n]
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b review.Moment) int { return a.At.Compare(b.At) })
	return out, problem
}

// actionsFrom reads the actions. One that was done before stays done since then.
func actionsFrom(f url.Values, old []review.Action, now time.Time) []review.Action {
	since := map[string]time.Time{}
	for _, a := range old {
		since[a.Text] = a.Done
	}
	out := []review.Action{}
	for n, text := range f["action"] {
		a := review.Action{Text: strings.TrimSpace(text)}
		if a.Text == "" {
			continue
		}
		if owners := f["owner"]; n < len(owners) {
			a.Owner = owners[n]
		}
		if due := f["due"]; n < len(due) {
			a.Due = due[n]
		}
		if slices.Contains(f["done"], strconv.Itoa(n)) {
			if a.Done = since[a.Text]; a.Done.IsZero() {
				a.Done = now
			}
		}
		out = append(out, a)
	}
	return out
}

// formActions are the actions of a form: those that there are, and blank ones.
func (p documentPage) formActions() []review.Action {
	return append(slices.Clone(p.Actions), make([]review.Action, blankActions)...)
}

// spans are the times of the document for people.
func (p documentPage) spans() []Fact {
	values, ok := p.Times.Spans()
	var out []Fact
	for n, def := range review.Definitions {
		f := Fact{Name: def.Name, Value: "not known"}
		if ok[n] {
			f.Value = figure.Span(values[n])
		}
		out = append(out, f)
	}
	return out
}
