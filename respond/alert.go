package respond

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/evenkeel/evenkeel/finding"
)

// Status says whether an alert still stands.
type Status string

const (
	Firing Status = "firing"
	Ended  Status = "resolved" // written as all dialects write it
)

// AlertKey names an alert: what folds its repetitions into one.
type AlertKey struct {
	Tenant      string `json:"tenant"`
	Source      string `json:"source"`      // id of the integration; FindingSource for Evenkeel's own
	Fingerprint string `json:"fingerprint"` // stable over repetitions: hash of the labels, or the sender's dedup key
}

// ID names the alert in a few bytes: the same for the same key, for ever.
func (k AlertKey) ID() string {
	sum := sha256.Sum256([]byte(k.Tenant + "\x00" + k.Source + "\x00" + k.Fingerprint))
	return base64.RawURLEncoding.EncodeToString(sum[:15])
}

// Alert is what a source says is wrong.
type Alert struct {
	AlertKey
	Environment string            `json:"environment,omitempty"`
	Status      Status            `json:"status"`
	Severity    finding.Severity  `json:"severity"`
	Title       string            `json:"title"` // one line: what is wrong
	Text        string            `json:"text,omitempty"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Links       []Link            `json:"links,omitempty"`
	StartsAt    time.Time         `json:"startsAt"`
	// EndsAt is when it ended, or for one that fires, when its source's silence
	// means that it has; zero for never.
	EndsAt     time.Time `json:"endsAt,omitzero"`
	ReceivedAt time.Time `json:"receivedAt"` // when its source last said so
	// Acknowledged says that the source tells of a person who has taken it up
	// (PagerDuty's event_action acknowledge).
	Acknowledged bool `json:"acknowledged,omitempty"`
	Explanation
}

// Fate says where an alert is. Each has exactly one, with a reason.
type Fate string

const (
	Grouped   Fate = "grouped"   // it stands, in the incidents that are named
	Muted     Fate = "muted"     // it stands and pages nobody, for the reason given
	Explained Fate = "explained" // it stands and pages nobody: what causes it is an incident already
	Over      Fate = "over"      // it has ended
)

// Standing is an alert as it is kept: the newest word of its source, and what
// became of it.
type Standing struct {
	ID string `json:"id"` // of its key
	Alert
	FiredAt time.Time `json:"firedAt"`          // when it was received as new, or as firing again
	EndedAt time.Time `json:"endedAt,omitzero"` // zero while it stands
	Times   int64     `json:"times"`            // how often it was received since FiredAt
	Fate    Fate      `json:"fate"`
	Reason  string    `json:"reason"` // of the fate, in plain English
	// Incidents are the ids of those that it stands in, or last stood in.
	Incidents []string `json:"incidents,omitempty"`
	// Waiting are the groups of those of its targets that are muted for now.
	Waiting []string `json:"waiting,omitempty"`
	// WakeAt is when time alone may change its fate: its source's silence
	// ends it, or what mutes it ends. Zero for never.
	WakeAt time.Time `json:"wakeAt,omitzero"`
	// FreeAt is when an explained alert pages, where nothing explains it any
	// more; zero while something does.
	FreeAt    time.Time `json:"freeAt,omitzero"`
	ChangedAt time.Time `json:"changedAt"`
}

// Link leads from an alert to where it came from, or to what helps.
type Link struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

// Target is where a route sends an alert.
type Target struct {
	Route       string            `json:"route"`  // its path in the tree, for people: "payments / critical"
	Policy      string            `json:"policy"` // id of the escalation policy
	Group       string            `json:"group"`  // alerts of the same policy and group make one incident
	GroupLabels map[string]string `json:"groupLabels,omitempty"`
	Wait        time.Duration     `json:"wait"`            // from the first alert of a group to its first page, for the others to arrive
	Muted       string            `json:"muted,omitempty"` // why it pages nobody now; empty where it may
	MutedUntil  time.Time         `json:"mutedUntil,omitzero"`
}

// Router decides where an alert goes. It is pure: what it knows is a value,
// and the time is given. An alert that no route takes goes to the root's target,
// so there is always at least one.
type Router interface {
	Route(a Alert, now time.Time) []Target
}
