// Package glance is a whole Town at one moment: its rigs, its agents, what waits for
// whom, and what is wrong. Read gathers it from the planes, from tmux and from what is
// known of the remotes, each of them read once and at the same time. gt status prints
// it.
//
// A part that cannot be read is named in Missing with the reason, and the others are
// there all the same. Nothing here changes anything, and nothing retries.
package glance

import (
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
	"gastown/town/instance"
)

// Snapshot is a Town at one moment. A part that is nil or empty although it should
// not be is named in Missing.
type Snapshot struct {
	Town string    `json:"town"`
	Root string    `json:"root"`
	At   time.Time `json:"at"`
	// Role is what the directory is to its Town: active, standby or fenced.
	Role instance.Role `json:"role"`
	// Deacon is nil when nobody could say whether one runs.
	Deacon *Deacon `json:"deacon,omitempty"`
	// Rigs are in the order of their names: those that are configured, and others
	// that rows of work speak of.
	Rigs []Rig `json:"rigs"`
	// Agents are all of them, in the order of their addresses.
	Agents []operational.Agent `json:"agents"`
	// Polecats counts the polecats of the Town by state.
	Polecats map[town.AgentState]int `json:"polecats"`
	// Queue waits for workers, in the order in which it was slung. Merges are the open
	// merge requests, oldest first.
	Queue []operational.Waiting `json:"queue"`
	// Holds say which bound keeps the queue, by rig.
	Holds  []operational.Hold         `json:"queue_holds"`
	Merges []operational.MergeRequest `json:"merge_requests"`
	// Recoveries are the beads that were taken away from a worker and do not wait for
	// another one yet, oldest first.
	Recoveries []operational.Recovery `json:"recoveries"`
	// Unsaid are the polecats that seem to be done but did not run gt done.
	Unsaid []operational.Watched `json:"finished_unsaid"`
	// Unsettled counts assignments that have ended and of which the ledger has not
	// been told.
	Unsettled int `json:"unsettled"`
	// Alerts are the checks that are not healthy, the alerts of rules and budgets that fire,
	// and what the parts contradict each other in.
	Alerts []Alert `json:"alerts"`
	// Beads, Mail, Federation and Sessions are nil when they could not be read.
	Beads      *Beads      `json:"beads,omitempty"`
	Mail       *Mail       `json:"mail,omitempty"`
	Federation *Federation `json:"federation,omitempty"`
	Sessions   *Sessions   `json:"sessions,omitempty"`
	// Convoys are those under way, oldest first. ToSee are the escalations that nobody
	// acknowledged, the most urgent first.
	Convoys []Convoy              `json:"convoys"`
	ToSee   []escalate.Escalation `json:"escalations"`
	// Missing says what could not be read.
	Missing []Missing `json:"missing,omitempty"`
	// Queries counts the SQL queries by plane.
	Queries map[string]int `json:"-"`
}

// Convoy is how far a convoy is.
type Convoy struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Landed int    `json:"landed"`
	Total  int    `json:"total"`
}

// Deacon is the Town's daemon.
type Deacon struct {
	Running bool `json:"running"`
	PID     int  `json:"pid,omitempty"`
	// Problem is what is wrong with it: it is stopped, or starts or ends.
	Problem string `json:"problem,omitempty"`
}

// Rig counts what a rig has.
type Rig struct {
	Name string `json:"name"`
	// Unknown says that rows of work speak of the rig, and the configuration does not.
	Unknown bool `json:"unknown,omitempty"`
	// Polecats counts them by state, Crew the members of the crew.
	Polecats map[town.AgentState]int `json:"polecats"`
	Crew     int                     `json:"crew"`
	// Queued and Merging count beads that wait for a worker, and open merge requests.
	Queued  int `json:"queued"`
	Merging int `json:"merging"`
}

// Beads counts the beads of the ledger.
type Beads struct {
	Total      int `json:"total"`
	Open       int `json:"open"`
	InProgress int `json:"in_progress"`
	Ready      int `json:"ready"`
	Blocked    int `json:"blocked"`
}

// Mail counts what nobody has read.
type Mail struct {
	Unread int `json:"unread"`
	Urgent int `json:"urgent"`
	// Boxes are the mailboxes with unread mail.
	Boxes []Box `json:"boxes,omitempty"`
}

// Box is a mailbox with unread mail.
type Box struct {
	Name   string    `json:"name"`
	Unread int       `json:"unread"`
	Urgent int       `json:"urgent,omitempty"`
	Newest time.Time `json:"newest,omitzero"`
}

// Federation is how the Town stands to others, as of the last contact.
type Federation struct {
	// Remotes is empty for a Town that shares nothing.
	Remotes []Remote `json:"remotes"`
	// Reviews counts the proposals that wait for a person.
	Reviews int `json:"reviews"`
}

// Remote is one remote.
type Remote struct {
	Name string `json:"name"`
	// Confirmed says that a person agreed to exchange with it.
	Confirmed bool `json:"confirmed"`
	// Verified is when it last confirmed an exchange; zero for never.
	Verified time.Time `json:"verified,omitzero"`
	// Failing is "pull" or "push" when the last one failed, and Error why.
	Failing string `json:"failing,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Sessions are those of the Town's tmux server.
type Sessions struct {
	Count int `json:"count"`
	// Attached counts those that a terminal shows.
	Attached int `json:"attached"`
}

// Alert is something that a person should know.
type Alert struct {
	// ID is the fingerprint of an alert of a rule or a budget; "" for the others.
	ID string `json:"id,omitempty"`
	// Name is the check's, or what the alert is about.
	Name string `json:"name"`
	// State is a check's, warning, critical or unknown, or the severity of an alert.
	State string `json:"state"`
	Text  string `json:"text"`
	// Since is when it began; zero when nobody knows.
	Since time.Time `json:"since,omitzero"`
	Next  string    `json:"next,omitempty"`
}

// Missing is a part that could not be read.
type Missing struct {
	Part string `json:"part"`
	Why  string `json:"why"`
	Next string `json:"next,omitempty"`
	// Err is the error, for whoever needs its kind.
	Err error `json:"-"`
}
