package state

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Unschedulable is what the scheduler's message says of a pod that finds no
// place, taken apart.
type Unschedulable struct {
	Nodes    int        // that were looked at; 0 where the message does not say
	Obstacle []Obstacle // most nodes first
}

// Obstacle is one reason, and how many nodes it rules out. A node may have
// several, so that they may add up to more than Nodes.
type Obstacle struct {
	Nodes int // 0 where it is about the pod itself
	Kind  ObstacleKind
	What  string // the resource, the taint or the claim, where there is one
}

// ObstacleKind says what keeps a pod off a node.
type ObstacleKind string

// What can keep a pod off a node.
const (
	ResourceShort  ObstacleKind = "resource"
	TooManyPods    ObstacleKind = "pods"
	TaintObstacle  ObstacleKind = "taint"
	Cordoned       ObstacleKind = "cordoned"
	NodeAffinity   ObstacleKind = "affinity"
	PodAffinity    ObstacleKind = "pod-affinity"
	PodApart       ObstacleKind = "pod-anti-affinity"
	SpreadObstacle ObstacleKind = "spread"
	Ports          ObstacleKind = "ports"
	VolumeZone     ObstacleKind = "volume-zone"
	VolumeUnbound  ObstacleKind = "volume-unbound"
	VolumeLimit    ObstacleKind = "volume-limit"
	ClaimMissing   ObstacleKind = "claim-missing"
	NodeName       ObstacleKind = "node-name"
	NoNodes        ObstacleKind = "no-nodes"
	Gated          ObstacleKind = "gated"
	OtherObstacle  ObstacleKind = "other"
)

// phrases of the scheduler's plugins (Kubernetes 1.20 to 1.36), and what each
// means. The first that is part of a reason wins; so the special ones come
// before the general.
var phrases = []struct {
	part string
	kind ObstacleKind
}{
	{"untolerated taint", TaintObstacle},
	{"had taint", TaintObstacle},
	{"too many pods", TooManyPods},
	{"max volume count", VolumeLimit},
	{"volume node affinity conflict", VolumeZone},
	{"no available volume zone", VolumeZone},
	{"unbound immediate persistentvolumeclaims", VolumeUnbound},
	{"didn't find available persistent volumes", VolumeUnbound},
	{"did not have enough free storage", VolumeUnbound},
	{"persistentvolumeclaim", ClaimMissing},
	{"anti-affinity", PodApart},
	{"pod affinity", PodAffinity},
	{"topology spread", SpreadObstacle},
	{"node affinity", NodeAffinity},
	{"node selector", NodeAffinity},
	{"free ports", Ports},
	{"requested node name", NodeName},
	{"were unschedulable", Cordoned},
	{"no nodes available", NoNodes},
	{"scheduling gates", Gated},
	{"scheduling is blocked", Gated},
}

// ParseUnschedulable takes a message of the scheduler apart, such as
// "0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated
// taint {dedicated: gpu}. preemption: ...". What it says of preemption is left
// out: it is a consequence. A part that is not understood is an obstacle of
// its own, so that nothing the scheduler says is lost.
func ParseUnschedulable(message string) Unschedulable {
	message = strings.TrimSpace(message)
	message, _, _ = cutFold(message, "preemption:")
	message, _, _ = cutFold(message, "no new claims to deallocate")
	message = strings.ReplaceAll(message, ", that the pod didn't tolerate", "")
	var u Unschedulable
	head, reasons, found := strings.Cut(message, " nodes are available:")
	if found {
		head = head[strings.LastIndexFunc(head, unicode.IsSpace)+1:]
		if _, of, ok := strings.Cut(head, "/"); ok {
			u.Nodes = count(of)
		}
	} else {
		reasons = message
	}
	for _, reason := range splitReasons(reasons) {
		if o, ok := parseObstacle(reason); ok {
			u.Obstacle = append(u.Obstacle, o)
		}
	}
	slices.SortStableFunc(u.Obstacle, func(a, b Obstacle) int { return cmp.Compare(b.Nodes, a.Nodes) })
	return u
}

// splitReasons cuts at commas that stand outside of braces and quotes.
func splitReasons(text string) []string {
	var out []string
	depth, quoted, from := 0, false, 0
	for i, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '{' || r == '(':
			depth++
		case (r == '}' || r == ')') && depth > 0:
			depth--
		case r == ',' && depth == 0:
			out = append(out, text[from:i])
			from = i + 1
		}
	}
	return append(out, text[from:])
}

func parseObstacle(reason string) (Obstacle, bool) {
	reason = strings.TrimRight(strings.TrimSpace(reason), ".")
	var o Obstacle
	if n, rest, ok := strings.Cut(reason, " "); ok && count(n) > 0 {
		o.Nodes, reason = count(n), strings.TrimSpace(rest)
	}
	if reason == "" {
		return o, false
	}
	lower := strings.ToLower(reason)
	if what, ok := strings.CutPrefix(lower, "insufficient "); ok {
		o.Kind, o.What = ResourceShort, what
		return o, true
	}
	o.Kind = OtherObstacle
	for _, p := range phrases {
		if strings.Contains(lower, p.part) {
			o.Kind = p.kind
			break
		}
	}
	switch o.Kind {
	case TaintObstacle:
		o.What = taint(reason)
	case ClaimMissing:
		o.What = between(reason, `"`, `"`)
	case OtherObstacle:
		o.What = reason
	}
	return o, true
}

// count is a whole number from 0 to a million, or 0.
func count(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 1_000_000 {
		return 0
	}
	return n
}

// taint writes "{dedicated: gpu}" as people do: dedicated=gpu.
func taint(reason string) string {
	key, value, _ := strings.Cut(between(reason, "{", "}"), ":")
	key, value = strings.TrimSpace(key), strings.TrimSpace(value)
	if value == "" {
		return key
	}
	return key + "=" + value
}

func between(text, from, to string) string {
	_, rest, ok := strings.Cut(text, from)
	if !ok {
		return ""
	}
	part, _, _ := strings.Cut(rest, to)
	return part
}

// cutFold is strings.Cut where case does not matter; sep is lower-case ASCII.
func cutFold(text, sep string) (before, after string, found bool) {
	for i := 0; i+len(sep) <= len(text); i++ {
		if strings.EqualFold(text[i:i+len(sep)], sep) {
			return text[:i], text[i+len(sep):], true
		}
	}
	return text, "", false
}

// Why says in plain English what keeps the pod off the nodes.
func (u Unschedulable) Why() string {
	var parts []string
	for _, o := range u.Obstacle {
		text := o.why()
		switch {
		case o.Nodes == 0:
		case u.Nodes > 0 && o.Nodes == u.Nodes && u.Nodes > 1:
			text += " on all " + strconv.Itoa(u.Nodes) + " nodes"
		case o.Nodes == 1:
			text += " on 1 node"
		default:
			text += " on " + strconv.Itoa(o.Nodes) + " nodes"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

func (o Obstacle) why() string {
	switch o.Kind {
	case ResourceShort:
		return "not enough " + o.What + " is free"
	case TooManyPods:
		return "no further pod is allowed"
	case TaintObstacle:
		if o.What == "" {
			return "a taint keeps it off"
		}
		return "the taint " + o.What + " keeps it off"
	case Cordoned:
		return "nothing may be placed (cordoned)"
	case NodeAffinity:
		return "its node selector or node affinity does not fit"
	case PodAffinity:
		return "the pods that it must be next to are not there"
	case PodApart:
		return "a pod that it must not be next to is there"
	case SpreadObstacle:
		return "it would be spread too unevenly"
	case Ports:
		return "a host port that it needs is taken"
	case VolumeZone:
		return "its volume cannot be reached from there"
	case VolumeUnbound:
		return "its volume claim is not bound"
	case VolumeLimit:
		return "no further volume can be attached"
	case ClaimMissing:
		if o.What == "" {
			return "a volume claim of it is missing"
		}
		return "its volume claim " + o.What + " is missing or being deleted"
	case NodeName:
		return "it asks for a node of another name"
	case NoNodes:
		return "the cluster has no nodes"
	case Gated:
		return "a scheduling gate holds it back"
	}
	return o.What
}

// Help says what would get the pod a place, for what keeps it off most nodes
// first.
func (u Unschedulable) Help() string {
	var out []string
	for _, o := range u.Obstacle {
		if text := helps[o.Kind]; text != "" {
			if strings.Contains(text, "%s") {
				text = fmt.Sprintf(text, cmp.Or(o.What, "the taint"))
			}
			if !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	if len(out) > 3 {
		out = out[:3]
	}
	return strings.Join(out, " Or: ")
}

var helps = map[ObstacleKind]string{
	ResourceShort:  "Make room: lower its requests for %s to what it uses, remove what is not needed, or add a node.",
	TooManyPods:    "Add a node, or raise the kubelet's limit of pods for each node.",
	TaintObstacle:  "Add a toleration for %s if it belongs on those nodes, or take the taint away.",
	Cordoned:       "Uncordon the nodes whose maintenance is over (kubectl uncordon).",
	NodeAffinity:   "Compare its nodeSelector and nodeAffinity with the labels of the nodes (kubectl get nodes --show-labels): a label is missing, or the rule is too narrow.",
	PodAffinity:    "See whether the pods that its podAffinity names run, and in the same zone.",
	PodApart:       "Add a node, or make its anti-affinity preferred instead of required.",
	SpreadObstacle: "Add nodes in the zone that has too few, or set whenUnsatisfiable: ScheduleAnyway.",
	Ports:          "Do without the host port, or add a node on which it is free.",
	VolumeZone:     "Its volume is in another zone or on another node: add room there, or move the data.",
	VolumeUnbound:  "See why the claim is not bound (kubectl describe pvc): the storage class, its provisioner, or no volume that fits.",
	VolumeLimit:    "Add a node: those that are there have as many volumes as they can take.",
	ClaimMissing:   "Create the claim %s, or mend its name in the pod's volumes.",
	NodeName:       "Take spec.nodeName out of the pod, or mend it.",
	NoNodes:        "See why no node has joined.",
	Gated:          "See which controller should lift the gate (spec.schedulingGates).",
}

// Main is what keeps it off most nodes, and what comes next, in a few words for a
// title.
func (u Unschedulable) Main() string {
	if len(u.Obstacle) == 0 {
		return "the scheduler does not say why"
	}
	if len(u.Obstacle) > 1 {
		// Either may be the one to mend: nodes that a selector leaves out are meant
		// to be left out, unless the selector is wrong.
		return u.Obstacle[0].why() + ", or " + u.Obstacle[1].why()
	}
	return u.Obstacle[0].why()
}
