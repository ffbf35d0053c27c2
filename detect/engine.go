package detect

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/evenkeel/evenkeel/estate"
	"github.com/evenkeel/evenkeel/finding"
	"github.com/evenkeel/evenkeel/metric"
)

// Practice is the name under which findings of this package are kept.
const Practice = "detect"

// Source is the name under which it reports entities to the estate.
const Source = "signals"

// Env is one environment to look at.
type Env struct {
	Tenant, Environment string
	Querier             metric.Querier
	// Clusters are the environments that are Kubernetes clusters: what the label
	// cluster says is of one is told there, beside what else is known of it.
	Clusters []string
	// Exemptions are those under which what is found is kept.
	Exemptions finding.Exemptions
}

// home is the environment that an entity belongs to.
func (e Env) home(c *Catalogue, id string) string {
	parts := strings.SplitN(id, ":", 3)
	if len(parts) > 1 && slices.Contains(e.Clusters, parts[1]) && c.clustered[parts[0]] {
		return parts[1]
	}
	return e.Environment
}

// Coverage is what one check says of one entity: also what is fine, and what
// cannot be told.
type Coverage struct {
	Environment string    `json:"-"`
	Check       string    `json:"check"`
	Entity      string    `json:"entity"`
	State       State     `json:"state"`
	Since       time.Time `json:"since,omitzero"`   // for pending and firing
	Reason      string    `json:"reason,omitempty"` // for unknown, and for firing that is told as a part of another finding
	ToldWith    string    `json:"toldWith,omitempty"`
}

// Result of a round.
type Result struct {
	Observations []finding.Observation
	Coverage     []Coverage
	// Estate holds the entities that are new in the signals; it is empty in
	// most rounds and repeats all of them from time to time.
	Estate estate.Observation
	// Queries and Entities say how much was looked at.
	Queries, Entities int
}

// Engine makes rounds. It is safe for concurrent use; rounds of one
// environment wait for each other.
type Engine struct {
	catalogue *Catalogue
	config    Config

	mu     sync.Mutex
	estate map[[2]string]*watch
}

// watch is what the engine keeps of one environment.
type watch struct {
	mu      sync.Mutex
	picture *picture
	memory  map[judged]*Memory
	reports map[judged]finding.Report // of the round before, for what is told
	stored  stored                    // baselines of entities that have not been seen since Restore
	retold  time.Time                 // when all entities were last given to the estate
	began   time.Time                 // of the first round
	at      time.Time                 // of the last one
	// programs are the starts that are remembered, by fleet.key; cooling are the
	// entities of which starts explain something in this round.
	programs map[string]*Starts
	cooling  []*Entity
	calls    callLedger // who has seen which calls
}

// judged is one check on one entity.
type judged struct{ Check, Entity string }

// New returns an engine that has learned nothing yet.
func New(c *Catalogue, config Config) *Engine {
	return &Engine{catalogue: c, config: config, estate: map[[2]string]*watch{}}
}

func (e *Engine) watch(tenant, environment string) *watch {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := [2]string{tenant, environment}
	w := e.estate[key]
	if w == nil {
		w = &watch{picture: newPicture(e.catalogue), memory: map[judged]*Memory{}, programs: map[string]*Starts{}, calls: newCallLedger()}
		e.estate[key] = w
	}
	return w
}

// Resume tells the engine which findings of the environment stand, so that
// those that ended while it was away are cleared. Call it before the first
// round.
func (e *Engine) Resume(tenant, environment string, open []finding.Finding) {
	w := e.watch(tenant, environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range open {
		if f.Practice != Practice || f.State == finding.Resolved {
			continue
		}
		key := judged{f.Check, f.Entity}
		if w.memory[key] == nil {
			w.memory[key] = &Memory{}
		}
		m := w.memory[key]
		m.Told = true
		if m.State != Firing {
			*m = Memory{State: Firing, Since: f.FirstSeen, Severity: f.Severity, Seen: f.LastSeen, Told: true}
		}
	}
}

// Round looks at an environment once. Its result is of use even where the
// error is not nil: the error says what could not be read, and the checks that
// need it are Unknown in the result.
func (e *Engine) Round(ctx context.Context, env Env, now time.Time) (Result, error) {
	w := e.watch(env.Tenant, env.Environment)
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.picture.gather(ctx, e.catalogue, env.Querier, e.config, now)
	w.adopt(e.catalogue)
	if w.at = now; w.began.IsZero() {
		w.began = now
	}
	parted := w.witness(e.config.Interval, now)
	r := &round{watch: w, catalogue: e.catalogue, env: env, now: now, lapse: 4 * e.config.Interval}
	r.starts()
	r.follow()
	for _, check := range e.catalogue.checks {
		r.judge(check)
	}
	r.unseen(e.catalogue)
	r.explain()
	r.learn()
	result := r.tell()
	result.Estate = w.sighted(e.catalogue, env, now)
	result.Estate.Ended = parted
	result.Entities = len(w.picture.entities)
	w.sweep(now, e.config.MaxEntities)
	if err != nil {
		err = fmt.Errorf("detect: environment %s: %w", env.Environment, err)
	}
	return result, err
}

// retellEvery is how often all entities are given to the estate again.
const retellEvery = 10 * time.Minute

// sighted is the estate as the signals show it. What is in a cluster is told of
// by who watches the cluster.
func (w *watch) sighted(c *Catalogue, env Env, now time.Time) estate.Observation {
	out := estate.Observation{Tenant: env.Tenant, Environment: env.Environment, Source: Source, At: now}
	all := now.Sub(w.retold) >= retellEvery
	if all {
		w.retold = now
	}
	for _, e := range w.picture.entities {
		if !e.seen.Equal(now) || e.told && !all {
			continue
		}
		e.told = true
		if env.home(c, e.ID) != env.Environment {
			continue
		}
		if len(e.Kind.Between) == 2 {
			w.picture.calls(e, &out)
			continue
		}
		if e.Kind.Relation != "" && e.Host != "" {
			out.Relations = append(out.Relations, estate.Relation{From: e.ID, Kind: e.Kind.Relation, To: e.Host, Confidence: 1})
		}
		if inside := e.Labels[e.Kind.Inside]; inside != "" {
			if id := w.picture.groupID(e.Host, inside); id != "" {
				out.Relations = append(out.Relations, estate.Relation{From: id, Kind: estate.PartOf, To: e.ID, Confidence: 1})
			} else {
				e.told = false // nothing is known of the group yet
			}
		}
		one := estate.Entity{ID: e.ID, Kind: e.estateKind(), Name: e.Name}
		if address := cmp.Or(e.Labels[AddressFact], e.Labels[e.Kind.Reached]); address != "" {
			one.Attributes = map[string]string{AddressFact: address}
		}
		out.Entities = append(out.Entities, one)
	}
	if all {
		out.Relations = slices.AppendSeq(out.Relations, maps.Keys(w.picture.ties))
	} else {
		out.Relations = append(out.Relations, w.picture.untold...)
	}
	w.picture.untold = nil
	slices.SortFunc(out.Entities, func(a, b estate.Entity) int { return compareIDs(a.ID, b.ID) })
	slices.SortFunc(out.Relations, func(a, b estate.Relation) int {
		return cmp.Or(compareIDs(a.From, b.From), compareIDs(a.To, b.To), cmp.Compare(a.Kind, b.Kind))
	})
	out.Entities = slices.CompactFunc(out.Entities, func(a, b estate.Entity) bool { return a.ID == b.ID })
	out.Relations = slices.CompactFunc(out.Relations, func(a, b estate.Relation) bool { return a.From == b.From && a.To == b.To && a.Kind == b.Kind })
	return out
}

// How long an entity that is not seen any more is kept, for its baselines.
const (
	keepFor      = 24 * time.Hour
	keepForShort = 5 * time.Minute // when its kind has more than half of what may be
)

// sweep forgets entities and memories that have not been seen for long.
func (w *watch) sweep(now time.Time, bound int) {
	p := w.picture
	for key, e := range p.entities {
		keep := keepFor
		if p.count[e.Kind] > bound/2 {
			keep = keepForShort
		}
		if now.Sub(e.seen) > keep {
			delete(p.entities, key)
			p.part(e)
			for _, short := range e.shorter {
				delete(p.fuller[name{key.kind, short}], e.ID)
				if len(p.fuller[name{key.kind, short}]) == 0 {
					delete(p.fuller, name{key.kind, short})
				}
			}
			p.count[e.Kind]--
			p.changed = true
		}
	}
	maps.DeleteFunc(w.programs, func(_ string, s *Starts) bool { return now.Unix()-s.Last > int64(forgetStarts.Seconds()) })
	for key, m := range w.memory {
		if !m.Told && now.Sub(m.Seen) > keepForShort {
			delete(w.memory, key)
		}
	}
}
