// Package estate is what exists, how it hangs together and what changed, as of
// any time.
//
// An Entity is a thing in an environment. Relations join entities. A Change is
// something that was done to one. Collectors report an Observation: all that
// one source sees at one time. Diff compares it with what that source saw
// before and yields only what is different, and only that is stored: the
// estate of any past time is what was valid then.
//
// Invariants: an entity's id is the same wherever and whenever it is seen;
// what one source does not see any more is gone for that source only; a failed
// or partial observation removes nothing.
package estate

import (
	"strings"
	"time"
)

// Kind says what sort of thing an entity is.
type Kind string

// The kinds of a single machine, and the services that objectives name. Other
// collectors bring more.
const (
	Host        Kind = "host"
	Disk        Kind = "disk"
	Filesystem  Kind = "filesystem"
	Interface   Kind = "interface"
	Unit        Kind = "unit"        // a systemd unit
	Container   Kind = "container"   // a container, seen by its cgroup
	Group       Kind = "group"       // a process group: processes that one program started
	Listener    Kind = "listener"    // a listening socket
	Endpoint    Kind = "endpoint"    // what a probe asks
	Certificate Kind = "certificate" // an X.509 certificate in use
	Target      Kind = "target"      // a scraped exporter
	KindService Kind = "service"     // what users ask, wherever it runs
	Collector   Kind = "collector"   // a part of Evenkeel itself that gathers
	Peer        Kind = "peer"        // the far end of TCP connections
)

// ID builds an entity's id: its kind and the parts that name it, joined by
// colons, such as "filesystem:web-1:/var". The parts are names that stay the
// same over restarts, never a process id.
func ID(kind Kind, parts ...string) string {
	return string(kind) + ":" + strings.Join(parts, ":")
}

// Entity is a thing in an environment.
type Entity struct {
	Tenant      string            `json:"tenant"`
	Environment string            `json:"environment"`
	ID          string            `json:"id"`
	Kind        Kind              `json:"kind"`
	Name        string            `json:"name"`                 // for people to read
	Attributes  map[string]string `json:"attributes,omitempty"` // facts that seldom change; never figures
	Sources     []string          `json:"sources,omitempty"`    // who sees it
	Since       time.Time         `json:"since"`                // first seen
	Until       time.Time         `json:"until,omitzero"`       // when it was seen to be gone; zero while it exists
}

// RelationKind says how two entities hang together.
type RelationKind string

const (
	RunsOn   RelationKind = "runs-on"   // group, unit, filesystem -> host
	StoredOn RelationKind = "stored-on" // filesystem -> disk
	PartOf   RelationKind = "part-of"   // disk, interface -> host
	Serves   RelationKind = "serves"    // group, unit -> listener
	Answers  RelationKind = "answers"   // listener -> endpoint
	Secures  RelationKind = "secures"   // certificate -> endpoint, listener
	Calls    RelationKind = "calls"     // who asks -> who answers
	ServedBy RelationKind = "served-by" // service, endpoint -> what does its work
	Owns     RelationKind = "owns"
	Shows    RelationKind = "shows" // group -> the certificate by which it is known
	// ReachedOver leads from what answers at an address to that address as the far
	// end of connections, on which packets are lost.
	ReachedOver RelationKind = "reached-over" // process -> peer
)

// Relation joins two entities of one environment.
type Relation struct {
	From       string       `json:"from"`
	Kind       RelationKind `json:"kind"`
	To         string       `json:"to"`
	Source     string       `json:"source"`     // who says so
	Confidence float64      `json:"confidence"` // 0 to 1
	// Sure is how sure a call is by all who tell of it, see Weigh; empty where
	// nobody has judged that.
	Sure  Sureness  `json:"sure,omitempty"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"`
}

// Change is something that happened to an entity by somebody's doing.
type Change struct {
	ID          string    `json:"id"`
	Tenant      string    `json:"tenant"`
	Environment string    `json:"environment"`
	At          time.Time `json:"at"`
	Entity      string    `json:"entity"` // id
	Kind        string    `json:"kind"`   // "boot", "package-upgrade", "unit-restart", "mount", "listener-new", ...
	Summary     string    `json:"summary"`
	Who         string    `json:"who,omitempty"` // where it is known
	Before      string    `json:"before,omitempty"`
	After       string    `json:"after,omitempty"`
	Source      string    `json:"source"`
	// Key makes a report of the same change fold into one, for example
	// "boot:2026-03-01T03:00:00Z". Unique per environment and source.
	Key string `json:"-"`
}

// Observation is all that one source sees in one environment at one time.
type Observation struct {
	Tenant      string
	Environment string
	Source      string // for example "host", "probe", "signals"
	At          time.Time
	Entities    []Entity   // ID, Kind, Name and Attributes are read
	Relations   []Relation // From, Kind, To and Confidence are read
	Changes     []Change   // At, Entity, Kind, Summary, Who, Before, After and Key are read
	// Complete says that everything the source can see is in here, so that
	// what is missing is gone. An incomplete observation only adds, and takes
	// away what it names in Gone and Ended.
	Complete bool
	Gone     []string   // ids of entities that the source does not see any more
	Ended    []Relation // From, Kind and To of relations that hold no more
}
