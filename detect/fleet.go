package detect

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/evenkeel/evenkeel/estate"
)

// instanceKinds are the kinds of entities that are instances of a program, those
// that tell most of themselves first.
var instanceKinds = []string{"process", "pod"}

// podName takes the name of a pod apart as controllers make it: of a Deployment,
// of a DaemonSet, of a StatefulSet.
var podName = regexp.MustCompile(`^(?:(.+)-[bcdfghjklmnpqrstvwxz2456789]{5,10}-[bcdfghjklmnpqrstvwxz2456789]{5}|(.+)-[bcdfghjklmnpqrstvwxz2456789]{5}|(.+)-[0-9]+)$`)

// programOf names what an entity is an instance of: the job that it is scraped
// in, or the workload that a pod's name tells.
func (e *Entity) programOf() string {
	if e.program != "" {
		return e.program
	}
	if e.Kind.Name != "pod" {
		e.program = e.Kind.Name + " " + e.Labels["job"]
		return e.program
	}
	e.program = "pod " + e.Labels[clusterLabel] + "/" + e.Labels["namespace"] + "/" + workloadOf(e.Labels["pod"])
	return e.program
}

// workloadOf is the name of a pod's workload, or its own where that tells none.
func workloadOf(pod string) string {
	if m := podName.FindStringSubmatch(pod); m != nil {
		return cmp.Or(m[1], m[2], m[3])
	}
	return pod
}

// guessAfter is how long an instance that does not say when it was started must
// have been there to be taken to have been started when it came.
const guessAfter = 45 * time.Second

// fleet are the instances of one service or program.
type fleet struct {
	key     string  // under which its starts are remembered
	service *Entity // nil where none is known
	members []*Entity
}

// starts finds which instances were started lately, and what that explains.
func (r *round) starts() {
	for _, e := range r.cooling {
		e.cold = cold{}
	}
	r.cooling = nil
	moving, fresh := false, []*Entity(nil)
	for _, kind := range instanceKinds {
		uptime := r.catalogue.Signal(kind, "uptime")
		for _, e := range r.picture.byKind[r.catalogue.kinds[kind]] {
			if !e.seen.Equal(r.now) {
				continue
			}
			if v, ok := e.Value(uptime); ok {
				if v >= -clockSkew.Seconds() {
					r.begun(e, r.now.Add(-time.Duration(max(0, v)*float64(time.Second))))
				}
			} else if age := r.now.Sub(e.first); e.begun.at.IsZero() && !e.known && e.first.Sub(r.began) > oneStart && age >= guessAfter && age < lateAfter {
				fresh = append(fresh, e)
			}
			moving = moving || !e.begun.at.IsZero() && r.now.Sub(e.begun.at) < lateAfter
		}
	}
	if !moving && len(fresh) == 0 {
		return
	}
	fleets := r.fleets()
	for _, e := range fresh {
		// Who comes to a program that has been there for longer was started,
		// though it does not say when.
		for _, o := range fleets[e].members {
			if e.first.Sub(o.first) > oneStart {
				r.begun(e, e.first)
				break
			}
		}
	}
	done := map[*fleet]bool{}
	for _, kind := range instanceKinds {
		for _, e := range r.picture.byKind[r.catalogue.kinds[kind]] {
			f := fleets[e]
			if f == nil || done[f] || e.begun.at.IsZero() || r.now.Sub(e.begun.at) >= lateAfter {
				continue
			}
			done[f] = true
			r.warmUp(f)
		}
	}
}

// begun takes in when an instance was started.
func (r *round) begun(e *Entity, at time.Time) {
	if !e.begun.begin(at, r.now) {
		return
	}
	if e.first.Equal(r.now) {
		r.picture.present.next = time.Time{} // what it hangs together with is asked soon
	}
	e.counts = true
}

// fleets are the fleets of all instances that are there, by instance. Which
// service an instance is of is told by ties, by those of its siblings, and by its
// workload's name.
func (r *round) fleets() map[*Entity]*fleet {
	p := r.picture
	direct, byProgram := map[string]string{}, map[string]string{}
	tied := map[string]*Entity{}
	for _, kind := range instanceKinds {
		for _, e := range p.byKind[r.catalogue.kinds[kind]] {
			tied[e.ID] = e
		}
	}
	for t := range p.ties {
		e := tied[t.To]
		if e == nil || kindOf(t.From) != estate.KindService {
			continue
		}
		direct[e.ID] = t.From
		if was, ok := byProgram[e.programOf()]; ok && was != t.From {
			byProgram[e.programOf()] = "" // one program, several services
		} else {
			byProgram[e.programOf()] = t.From
		}
	}
	services := r.catalogue.kinds[serviceKind]
	out, byKey := map[*Entity]*fleet{}, map[string]*fleet{}
	for _, kind := range instanceKinds {
		for _, e := range p.byKind[r.catalogue.kinds[kind]] {
			if !e.seen.Equal(r.now) {
				continue
			}
			id := cmp.Or(direct[e.ID], byProgram[e.programOf()])
			if id == "" && kind == "pod" {
				id = p.serviceOf(services, e)
			}
			// A service's pods and its processes are the same twice.
			key := kind + " " + cmp.Or(id, e.programOf())
			f := byKey[key]
			if f == nil {
				f = &fleet{key: key, service: p.entities[name{services, id}]}
				byKey[key] = f
			}
			f.members = append(f.members, e)
			out[e] = f
		}
	}
	return out
}

// serviceOf is the service that has the name of a pod's workload, in the pod's
// namespace or where the service's own is not known; "" where there is none.
func (p *picture) serviceOf(services *Kind, pod *Entity) string {
	called := workloadOf(pod.Labels["pod"])
	for _, id := range []string{estate.ID(estate.KindService, pod.Labels["namespace"], called), estate.ID(estate.KindService, called)} {
		if p.entities[name{services, id}] != nil {
			return id
		}
	}
	return ""
}

// figureOf is a figure of an entity by the signal's name; NaN where it has none.
func (r *round) figureOf(e *Entity, signal string) float64 {
	if s := r.catalogue.Signal(e.Kind.Name, signal); s != nil {
		return e.values[s.index]
	}
	return math.NaN()
}

// usualOf is what is usual for an entity; NaN where that is not known.
func (r *round) usualOf(e *Entity, signal string) float64 {
	if s := r.catalogue.Signal(e.Kind.Name, signal); s != nil && e.usual[s.index].aware() {
		return e.usual[s.index].Median()
	}
	return math.NaN()
}

// warmUp says of a fleet what the starts of its instances explain, and learns
// from them.
func (r *round) warmUp(f *fleet) {
	starts := r.programs[f.key]
	if starts == nil {
		if len(r.programs) >= mostPrograms {
			return
		}
		starts = &Starts{}
		r.programs[f.key] = starts
	}
	if f.service != nil {
		f.service.fleet = f.key
	}
	all := make([]Instance, len(f.members))
	var before []float64
	for n, e := range f.members {
		e.fleet = f.key
		i := Instance{Name: e.Name, Age: -time.Hour, Traffic: r.figureOf(e, "traffic"), Takes: r.figureOf(e, latencyMean), Usual: math.NaN()}
		if !e.begun.at.IsZero() {
			i.Age, i.Again = max(0, r.now.Sub(e.begun.at)), e.begun.again()
			if e.counts {
				starts.count(e.begun.at)
				e.counts = false
			}
		}
		// What one that is new has learned since is of its start.
		if e.known || e.begun.at.IsZero() || e.begun.at.Sub(e.first) > oneStart || r.now.Sub(e.begun.at) > lateAfter {
			i.Usual = r.usualOf(e, latencyMean)
		}
		if !math.IsNaN(i.Usual) {
			before = append(before, i.Usual)
		}
		all[n] = i
	}
	usual := 0.0
	if f.service != nil {
		if u := r.usualOf(f.service, latencyMean); !math.IsNaN(u) {
			usual = u
		}
	}
	if usual == 0 && len(before) > 0 {
		slices.Sort(before)
		usual = before[len(before)/2]
	}
	h := starts.habit()
	restless := starts.lately(r.now) > 2*len(f.members)
	c := coldStart(usual, all, h, restless, r.now)
	// What its processes tell of a service is more than what its pods do.
	if f.service != nil && (c.start != nil || c.why != "") && f.service.cold == (cold{}) {
		f.service.cold = c
		if c.start != nil && r.faces(f.service) {
			own := *c.start
			own.Excused = false
			f.service.cold.start = &own
		}
		r.cooling = append(r.cooling, f.service)
	}
	warm, slow := r.warmOf(f, usual, all)
	for n, e := range f.members {
		if i := all[n]; c.start != nil && i.Age >= 0 && i.Age <= h.long+lingers {
			e.cold = cold{warm: c.warm, times: h.times, mean: h.times * c.warm,
				start: &ColdStart{At: e.begun.at, Names: []string{e.Name}, Of: 1, Share: 1, Habit: h.says(), Excused: true}}
			r.cooling = append(r.cooling, e)
		}
		times := math.NaN()
		if warm > 0 && !slow {
			times = all[n].Takes / warm
		}
		if long, worst, over := e.begun.follow(times, r.now); over {
			starts.learn(long, worst)
		}
	}
}

// warmOf is what those take that are warm, and whether they are slow themselves.
func (r *round) warmOf(f *fleet, usual float64, all []Instance) (takes float64, slow bool) {
	var warm []Instance
	for n, e := range f.members {
		if !e.begun.watched {
			warm = append(warm, all[n])
		}
	}
	return warmth(usual, warm)
}

// faces says that customers themselves ask a service, as far as calls are seen:
// it calls others, and nobody calls it.
func (r *round) faces(service *Entity) bool {
	calls := false
	for _, e := range r.picture.byKind[r.catalogue.kinds["edge"]] {
		if r.now.Sub(e.seen) > recently {
			continue
		}
		caller, callee := r.picture.endsOf(e)
		if callee == service.ID && caller != callee {
			return false
		}
		calls = calls || caller == service.ID
	}
	return calls
}

// startsOf shows in a sight what starts explain, and what they usually take.
func (w *watch) startsOf(e *Entity, out *Sight, now time.Time) {
	if c := e.cold.start; c != nil && c.Excused {
		out.Cold = c.Says(now)
	}
	if s := w.programs[e.fleet]; s != nil {
		if h := s.habit(); h.known && h.usualTimes >= warmTimes {
			out.Starts = h.says()
		}
	}
}

// started is what is to be said of starts in a finding about how long answers
// take: why they are no excuse, or that they are a reason.
func (e *Entity) started(check *Check, now time.Time) string {
	switch late := slices.ContainsFunc(check.reads, (*Signal).latent); {
	case !late:
		return ""
	case e.cold.start != nil:
		return "cold start: " + e.cold.start.Says(now)
	}
	return e.cold.why
}
