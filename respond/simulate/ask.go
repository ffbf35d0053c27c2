package simulate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/respond"
)

// World is what a simulation runs in.
type World struct {
	respond.World
	// People are names by id.
	People map[string]string
	// Zone returns the time zone of a schedule, empty where it has none; nil
	// for no schedule has.
	Zone func(schedule string) string
	// LeftOut says what is not part of it though it would count.
	LeftOut []string
}

// Ask is the question as people put it.
type Ask struct {
	Tenant      string            `json:"-"`
	Environment string            `json:"environment,omitempty"`
	Labels      map[string]string `json:"labels"`
	Severity    string            `json:"severity,omitempty"` // empty: the label severity
	Title       string            `json:"title,omitempty"`    // empty: the label alertname
	At          string            `json:"at"`                 // as ParseTime reads it; empty: now
	Zone        string            `json:"zone,omitempty"`     // empty: that of the schedules, or UTC
	// Acknowledged says that somebody takes it up: By (name or id of a person;
	// empty: whoever is told first), After a while from when they are told.
	Acknowledged bool          `json:"acknowledged,omitempty"`
	By           string        `json:"by,omitempty"`
	After        time.Duration `json:"after,omitempty"`
	// Within is how far is looked ahead; 0 for 7 days.
	Within time.Duration `json:"within,omitempty"`
}

// Bounds of a question.
const (
	maxLabels, maxLabel, maxTitle = 100, 2000, 1000
	usualWithin                   = 7 * 24 * time.Hour
	mostWithin                    = 31 * 24 * time.Hour
	mostAfter                     = 7 * 24 * time.Hour
)

// source is the integration that the alert comes from.
const source = "simulation"

// plan is a question that was understood.
type plan struct {
	alert        respond.Alert
	at           time.Time
	zone         *time.Location
	said         []string
	acknowledged bool
	by           string // id
	after        time.Duration
	until        time.Time
}

// Simulate answers a question.
func Simulate(ctx context.Context, w World, ask Ask, now time.Time) (Trace, error) {
	p, err := understand(w, ask, now)
	if err != nil {
		return Trace{}, err
	}
	return run(ctx, w, p)
}

func understand(w World, ask Ask, now time.Time) (p plan, err error) {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", respond.ErrInvalid, fmt.Sprintf(format, args...))
	}
	if len(ask.Labels) > maxLabels {
		return p, invalid("%d labels at most", maxLabels)
	}
	for name, value := range ask.Labels {
		if name == "" || len(name) > maxLabel || len(value) > maxLabel || !plain(name) || !plain(value) {
			return p, invalid("label %.60q: a name and a value of plain text with up to %d bytes are needed", name, maxLabel)
		}
	}
	p.alert = respond.Alert{AlertKey: respond.AlertKey{Tenant: cmp.Or(ask.Tenant, "default"), Source: source, Fingerprint: fingerprint(ask.Labels)},
		Environment: ask.Environment, Labels: maps.Clone(ask.Labels), Title: strings.TrimSpace(cmp.Or(ask.Title, ask.Labels["alertname"], "An alert"))}
	if len(p.alert.Title) > maxTitle || !plain(p.alert.Title) {
		return p, invalid("the title may be plain text of %d bytes", maxTitle)
	}
	if p.alert.Severity, err = finding.ParseSeverity(cmp.Or(ask.Severity, ask.Labels["severity"])); err != nil {
		if ask.Severity != "" {
			return p, invalid("%v", err)
		}
		p.alert.Severity = finding.Warning
		p.said = append(p.said, "The labels name no severity of info, warning and critical; warning is taken.")
	}
	if p.alert.Labels == nil {
		p.alert.Labels = map[string]string{}
	}
	if ask.Severity != "" && p.alert.Labels["severity"] == "" {
		p.alert.Labels["severity"] = ask.Severity
	}
	name := cmp.Or(ask.Zone, w.homeZone(p.alert, now), "UTC")
	if p.zone, err = time.LoadLocation(name); err != nil || strings.EqualFold(name, "local") {
		return p, invalid("there is no time zone %.60q; write it as Europe/Berlin or UTC", name)
	}
	at, said, err := ParseTime(cmp.Or(ask.At, "now"), p.zone, now)
	if err != nil {
		return p, err
	}
	p.at, p.said = at, append(said, p.said...)
	within := cmp.Or(ask.Within, usualWithin)
	if within < time.Minute || within > mostWithin {
		return p, invalid("it can be looked ahead between a minute and 31 days, not %s", within)
	}
	p.until = p.at.Add(within)
	if ask.After < 0 || ask.After > mostAfter {
		return p, invalid("somebody can acknowledge after 0 to 7 days, not after %s", ask.After)
	}
	p.acknowledged, p.after = ask.Acknowledged || ask.By != "", ask.After
	if ask.By != "" {
		if p.by, err = w.person(ask.By); err != nil {
			return p, invalid("%v", err)
		}
	}
	return p, nil
}

// fingerprint names a set of labels.
func fingerprint(labels map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, "%q=%q,", k, labels[k])
	}
	return b.String() + "simulated"
}

func plain(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// person finds somebody by name or id.
func (w World) person(name string) (string, error) {
	if _, ok := w.People[name]; ok {
		return name, nil
	}
	for id, n := range w.People {
		if strings.EqualFold(n, name) {
			return id, nil
		}
	}
	return "", fmt.Errorf("there is no person %.60q", name)
}

// homeZone is the time zone of the first schedule in the policy that the alert
// goes to.
func (w World) homeZone(a respond.Alert, now time.Time) string {
	if w.Zone == nil {
		return ""
	}
	ids := []string{respond.DefaultPolicy}
	if w.Router != nil {
		ids = nil
		for _, t := range w.Router.Route(a, now) {
			ids = append(ids, cmp.Or(t.Policy, respond.DefaultPolicy))
		}
	}
	for _, id := range ids {
		for _, p := range w.Policies {
			if p.ID != id {
				continue
			}
			lists := [][]respond.Recipient{p.LastResort}
			for n := len(p.Steps) - 1; n >= 0; n-- {
				lists = append(lists, p.Steps[n].Notify)
			}
			slices.Reverse(lists)
			for _, list := range lists {
				for _, r := range list {
					if r.Kind != respond.ToSchedule {
						continue
					}
					if zone := w.Zone(r.ID); zone != "" {
						return zone
					}
				}
			}
		}
	}
	return ""
}
