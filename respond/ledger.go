package respond

import "time"

// EntryKind says what an entry tells.
type EntryKind string

const (
	AlertReceived  EntryKind = "alert-received"  // a new alert, or one that fires again
	AlertEnded     EntryKind = "alert-ended"     // by its source, or by its silence
	AlertMuted     EntryKind = "alert-muted"     // silence, maintenance, inhibition, interval: named in the reason
	AlertExplained EntryKind = "alert-explained" // what causes it is an incident already, or is so no more
	AlertGrouped   EntryKind = "alert-grouped"   // joined an incident after it was received
	Opened         EntryKind = "opened"          // an incident began
	PageBegun      EntryKind = "page-begun"      // a person is to be told
	PageEnded      EntryKind = "page-ended"      // answered, superseded, failed
	NobodyToPage   EntryKind = "nobody-to-page"  // a step found nobody on call or no contact
	MessageQueued  EntryKind = "message-queued"  //
	MessageTried   EntryKind = "message-tried"   // a try, and how it ended
	MessageReceipt EntryKind = "message-receipt" // the provider's word on what became of it
	Taken          EntryKind = "acknowledged"    //
	Reassigned     EntryKind = "reassigned"      //
	Escalated      EntryKind = "escalated"       // the next step was taken, or a person asked for it
	Exhausted      EntryKind = "exhausted"       // all rounds are over
	Postponed      EntryKind = "snoozed"         //
	Held           EntryKind = "held"            // pages nobody for now: working hours, a silence
	Woken          EntryKind = "woken"           // a snooze ended, or what held it did
	Changed        EntryKind = "changed"         // severity, title
	RoleGiven      EntryKind = "role"            // commander, communications or scribe was handed over
	TaskAdded      EntryKind = "task"            // something is to be done
	TaskGiven      EntryKind = "task-given"      // to somebody else, or to another incident
	TaskDone       EntryKind = "task-done"       //
	TaskReopened   EntryKind = "task-reopened"   // it was not done after all
	Unfinished     EntryKind = "unfinished"      // tasks that were open at a resolution
	Merged         EntryKind = "merged"          //
	Split          EntryKind = "split"           //
	Noted          EntryKind = "note"            // what a person wrote
	Finished       EntryKind = "resolved"        //
	Reopened       EntryKind = "reopened"        // a resolved incident, or one that somebody had taken, is triggered again
	ClockChanged   EntryKind = "clock-changed"   // the machine's clock was set back; waits begin anew
	ContactGone    EntryKind = "contact-gone"    // the provider says for good that nothing arrives there
	ReachAsked     EntryKind = "reach-asked"     // a person is asked whether pages reach them
	ReachConfirmed EntryKind = "reach-confirmed" // they said so
	ReachMissed    EntryKind = "reach-missed"    // they did not, within a day
	Updated        EntryKind = "update"          // what a person told those who wait
	UpdateOverdue  EntryKind = "update-overdue"  // an update was promised and did not come
)

// Entry is one line of the ledger: what happened, why, and who or what did it.
// Entries are only ever added.
type Entry struct {
	ID       string    `json:"id"` // rises with time
	Tenant   string    `json:"tenant"`
	At       time.Time `json:"at"`
	Kind     EntryKind `json:"kind"`
	Reason   string    `json:"reason"`             // named, in plain English
	By       string    `json:"by"`                 // name of the person or program; "Evenkeel" for what it decided
	Incident string    `json:"incident,omitempty"` // ids of what it is about
	Alert    string    `json:"alert,omitempty"`
	Page     string    `json:"page,omitempty"`
	Message  string    `json:"message,omitempty"`
	Person   string    `json:"person,omitempty"`
}

// PageState is where a page stands. All but the first are final.
type PageState string

const (
	PageOpen       PageState = "open"       // its messages are under way, or wait for an answer
	PageAnswered   PageState = "answered"   // the person has acknowledged
	PageSuperseded PageState = "superseded" // somebody else has, or the incident is over
	PageFailed     PageState = "failed"     // no contact could be reached
)

// Page is one person, or one channel, being told of one incident in one step.
type Page struct {
	ID        string    `json:"id"`
	Tenant    string    `json:"tenant"`
	Incident  string    `json:"incident"`
	Recipient Recipient `json:"recipient"`        // as the policy names it
	Person    string    `json:"person,omitempty"` // whom that was
	Why       string    `json:"why"`              // why them: the duty's reason
	Round     int       `json:"round"`
	Step      int       `json:"step"`
	State     PageState `json:"state"`
	BegunAt   time.Time `json:"begunAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	Reason    string    `json:"reason,omitempty"` // why it ended
}
