package intake

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/evenkeel/evenkeel/respond"
	"github.com/evenkeel/evenkeel/respond/route"
)

// amReceiver is the one receiver that Alertmanager's API names: who is told is
// decided by routes and policies.
const amReceiver = "evenkeel"

// amPath is where Alertmanager's API begins.
const amPath = "/alertmanager"

// registerAlertmanager puts Alertmanager's API on the mux.
func (s *Server) registerAlertmanager(mux *http.ServeMux) {
	on := func(method, path string, next func(http.ResponseWriter, *http.Request, *source), operate bool) {
		mux.HandleFunc(method+" "+amPath+path, s.gated(amProblem, func(w http.ResponseWriter, r *http.Request) {
			x, err := s.byHeader(r, Alertmanager)
			if err != nil {
				s.refuseProof(w, err, amProblem)
				return
			}
			if operate && !x.by.Operate {
				amProblem(w, http.StatusForbidden, "this integration may send alerts only; set operate to let it read and silence")
				return
			}
			next(w, r, x)
		}))
	}
	on("POST", "/api/v2/alerts", s.amPost, false)
	on("GET", "/api/v2/alerts", s.amAlerts, true)
	on("GET", "/api/v2/alerts/groups", s.amGroups, true)
	on("GET", "/api/v2/receivers", s.amReceivers, true)
	on("GET", "/api/v2/status", s.amStatus, false)
	s.registerSilences(on)
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		mux.HandleFunc("GET "+amPath+path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	}
}

// amProblem answers as Alertmanager does: with a text as JSON.
func amProblem(w http.ResponseWriter, status int, text string) { writeJSON(w, status, text) }

func (s *Server) amPost(w http.ResponseWriter, r *http.Request, x *source) {
	body, done, err := s.proven.read(w, r, maxBody)
	if err != nil {
		s.refuseBody(w, x, err, amProblem)
		return
	}
	defer done()
	b := s.batch(x)
	if err := parseAlerts(b, body, s.cfg.ResolveTimeout); err != nil {
		s.refused(x, err.Error())
		amProblem(w, http.StatusBadRequest, err.Error())
		return
	}
	s.take(r.Context(), w, x, b, amProblem, func() { w.WriteHeader(http.StatusOK) })
}

// gettable is an alert as GET /api/v2/alerts shows it.
type gettable struct {
	Annotations  map[string]string `json:"annotations"`
	EndsAt       time.Time         `json:"endsAt"`
	Fingerprint  string            `json:"fingerprint"`
	Receivers    []named           `json:"receivers"`
	StartsAt     time.Time         `json:"startsAt"`
	Status       gettableStatus    `json:"status"`
	UpdatedAt    time.Time         `json:"updatedAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
	Labels       map[string]string `json:"labels"`
}

type named struct {
	Name string `json:"name"`
}

type gettableStatus struct {
	InhibitedBy []string `json:"inhibitedBy"`
	SilencedBy  []string `json:"silencedBy"`
	MutedBy     []string `json:"mutedBy"`
	State       string   `json:"state"`
}

// never is the end of an alert that has none: Alertmanager's always have one.
const never = 100 * 365 * 24 * time.Hour

// shown lays an alert out as Alertmanager does, with the silences that hold.
func shown(st respond.Standing, silences []route.Silence) gettable {
	labels := model.LabelSet{}
	for name, value := range st.Labels {
		labels[model.LabelName(name)] = model.LabelValue(value)
	}
	g := gettable{Annotations: st.Annotations, Labels: st.Labels, EndsAt: st.EndsAt, StartsAt: st.StartsAt, UpdatedAt: st.ReceivedAt,
		Fingerprint: labels.Fingerprint().String(), Receivers: []named{{amReceiver}},
		Status: gettableStatus{InhibitedBy: []string{}, SilencedBy: []string{}, MutedBy: []string{}, State: "active"}}
	if g.Annotations == nil {
		g.Annotations = map[string]string{"summary": st.Title}
	}
	if g.Labels == nil {
		g.Labels = map[string]string{}
	}
	if g.Labels["alertname"] == "" {
		g.Labels["alertname"] = st.Title
	}
	if g.EndsAt.IsZero() {
		g.EndsAt = st.StartsAt.Add(never)
	}
	if st.Fate == respond.Muted {
		g.Status.State = "suppressed"
		for _, one := range silences {
			if (one.Environment == "" || one.Environment == st.Environment) && one.Matchers.Hold(st.Labels) {
				g.Status.SilencedBy = append(g.Status.SilencedBy, one.ID)
			}
		}
		if len(g.Status.SilencedBy) == 0 {
			g.Status.MutedBy = []string{st.Reason}
		}
	}
	if st.Fate == respond.Explained {
		g.Status.State, g.Status.MutedBy = "suppressed", []string{st.Reason}
	}
	for _, l := range st.Links {
		if l.Text == "Source" {
			g.GeneratorURL = l.URL
		}
	}
	return g
}

// asked is what a question narrows a list of alerts to.
type asked struct {
	active, muted bool
	receiver      *regexp.Regexp
	filter        route.Matchers
	environment   string
	silences      []route.Silence // that hold
}

// question reads what is asked for. It has answered where ok is false.
func (s *Server) question(w http.ResponseWriter, r *http.Request, x *source) (q asked, ok bool) {
	q, err := narrowed(r.URL.Query())
	if err != nil {
		amProblem(w, http.StatusBadRequest, err.Error())
		return q, false
	}
	q.environment = x.by.Environment
	if q.silences, err = s.silencing(r, x, s.now()); err != nil {
		s.silenceProblem(w, err)
		return q, false
	}
	return q, true
}

func narrowed(values url.Values) (q asked, err error) {
	on := func(name string) bool { return err == nil && values.Get(name) != "false" }
	for _, name := range []string{"active", "silenced", "inhibited", "muted", "unprocessed"} {
		if v := values.Get(name); v != "" && v != "true" && v != "false" {
			return q, fmt.Errorf("%s must be true or false", name)
		}
	}
	q.active = on("active")
	q.muted = on("silenced") || on("inhibited") || on("muted")
	if text := values.Get("receiver"); text != "" {
		if len(text) > 1000 {
			return q, errors.New("receiver is too long")
		}
		if q.receiver, err = regexp.Compile("^(?:" + text + ")$"); err != nil {
			return q, errors.New("receiver is not a regular expression")
		}
	}
	q.filter, err = filterOf(values)
	return q, err
}

func (q asked) wants(st respond.Standing) bool {
	if st.Environment != q.environment || !q.filter.Hold(st.Labels) || q.receiver != nil && !q.receiver.MatchString(amReceiver) {
		return false
	}
	if st.Fate == respond.Muted || st.Fate == respond.Explained {
		return q.muted
	}
	return q.active
}

// standAtOnce is how many alerts are read at once.
const standAtOnce = 500

// standing goes through what stands of a tenant, until do returns false.
func (s *Server) standing(r *http.Request, tenant string, do func(respond.Standing) bool) error {
	for after := ""; ; {
		list, err := s.opt.Alerts.StandingAlerts(r.Context(), tenant, after, standAtOnce)
		if err != nil {
			return err
		}
		for _, st := range list {
			if !do(st) {
				return nil
			}
		}
		if len(list) < standAtOnce {
			return nil
		}
		after = list[len(list)-1].ID
	}
}

// amAlerts lists what stands. It is written as it is read, so that it costs the
// same memory however much it is.
func (s *Server) amAlerts(w http.ResponseWriter, r *http.Request, x *source) {
	q, ok := s.question(w, r, x)
	if !ok {
		return
	}
	out, begun := json.NewEncoder(w), false
	err := s.standing(r, x.by.Tenant, func(st respond.Standing) bool {
		if !q.wants(st) {
			return true
		}
		mark := ","
		if !begun {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			mark, begun = "[", true
		}
		if _, err := w.Write([]byte(mark)); err != nil {
			return false
		}
		return out.Encode(shown(st, q.silences)) == nil
	})
	switch {
	case err != nil && begun:
		s.opt.Log.Warn("alerts could not be listed", "error", err)
		panic(http.ErrAbortHandler) // a list that is cut off must not look whole
	case err != nil:
		s.opt.Log.Warn("alerts could not be listed", "error", err)
		s.busy(w, "The alerts cannot be read just now.", amProblem)
	case begun:
		// The asker may have gone away; then there is nobody to tell.
		_, _ = w.Write([]byte("]"))
	default:
		writeJSON(w, http.StatusOK, []gettable{})
	}
}

// amGroup is a group: the alerts of one incident, or of none.
type amGroup struct {
	Labels   map[string]string `json:"labels"`
	Receiver named             `json:"receiver"`
	Alerts   []gettable        `json:"alerts"`
}

// maxGrouped bounds the alerts in an answer by groups.
const maxGrouped = 10_000

func (s *Server) amGroups(w http.ResponseWriter, r *http.Request, x *source) {
	q, ok := s.question(w, r, x)
	if !ok {
		return
	}
	groups, count := map[string]*amGroup{}, 0
	err := s.standing(r, x.by.Tenant, func(st respond.Standing) bool {
		if !q.wants(st) {
			return true
		}
		key := strings.Join(st.Incidents, " ")
		if groups[key] == nil {
			groups[key] = &amGroup{Labels: map[string]string{}, Receiver: named{amReceiver}}
			if key != "" {
				groups[key].Labels["incident"] = key
			}
		}
		groups[key].Alerts = append(groups[key].Alerts, shown(st, q.silences))
		count++
		return count <= maxGrouped
	})
	if err != nil {
		s.opt.Log.Warn("alerts could not be listed", "error", err)
		s.busy(w, "The alerts cannot be read just now.", amProblem)
		return
	}
	if count > maxGrouped {
		amProblem(w, http.StatusBadRequest, fmt.Sprintf("more than %d alerts stand; ask for /api/v2/alerts instead", maxGrouped))
		return
	}
	out := make([]amGroup, 0, len(groups))
	for _, g := range groups {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b amGroup) int { return strings.Compare(a.Labels["incident"], b.Labels["incident"]) })
	writeJSON(w, http.StatusOK, out)
}

func (s *Server) amReceivers(w http.ResponseWriter, _ *http.Request, _ *source) {
	writeJSON(w, http.StatusOK, []named{{amReceiver}})
}

// amStatus says what Alertmanager would of itself. There is no alertmanager.yml
// to show, so the smallest one that is true stands for it.
func (s *Server) amStatus(w http.ResponseWriter, _ *http.Request, _ *source) {
	writeJSON(w, http.StatusOK, map[string]any{
		"cluster":     map[string]any{"status": "disabled", "peers": []string{}},
		"config":      map[string]string{"original": "route:\n  receiver: " + amReceiver + "\nreceivers:\n- name: " + amReceiver + "\n"},
		"uptime":      s.started.UTC(),
		"versionInfo": map[string]string{"version": s.opt.Version, "branch": "", "revision": "", "buildDate": "", "buildUser": "evenkeel", "goVersion": ""},
	})
}
