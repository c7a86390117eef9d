package mirror

import (
	"fmt"
	"strings"
	"time"
)

// Request says what a run is to do.
type Request struct {
	// DryRun says what would be sent, and sends and stores nothing.
	DryRun bool
	// All compares all beads, not only those that something happened to.
	All bool
	// Retry tries again what was refused, and does not wait any longer for a tracker that
	// did not take the credentials or asked to wait.
	Retry bool
	// Links bounds how many links are taken; 0 means 500.
	Links int
}

// Did is one thing that a run did, or would do.
type Did struct {
	Bead  string `json:"bead"`
	What  string `json:"what"`
	Title string `json:"title,omitempty"`
	URL   string `json:"url,omitempty"`
	// Text is what would be sent.
	Text   string `json:"text,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// What a Did may be.
const (
	Created   = "create"
	Found     = "find" // an issue whose creation had an unknown outcome
	Updated   = "update"
	Commented = "comment"
	Closed    = "close"
	Reopened  = "reopen"
	Refused   = "refused"
	Imported  = "import"
)

// Report is what a run did.
type Report struct {
	DryRun bool  `json:"dry_run,omitempty"`
	Did    []Did `json:"did"`
	// Refused are all beads of which something was refused and waits for a person.
	Refused []Did `json:"refused,omitempty"`
	// Waiting is how many links have still something to do.
	Waiting int `json:"waiting"`
	// Until is when the tracker may be asked again, and Reason why not now.
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// String says it in lines, for people.
func (r Report) String() string {
	var out strings.Builder
	would := ""
	if r.DryRun {
		would = "would "
	}
	for _, d := range r.Did {
		if d.What == Refused {
			continue // it stands below, unless this is a dry run
		}
		fmt.Fprintf(&out, "%s%-8s %s  %s  %s\n", would, d.What, d.Bead, d.Title, d.URL)
		if r.DryRun && d.Text != "" {
			fmt.Fprintf(&out, "    %s\n", strings.ReplaceAll(d.Text, "\n", "\n    "))
		}
	}
	refused := r.Refused
	if r.DryRun {
		for _, d := range r.Did {
			if d.What == Refused {
				refused = append(refused, d)
			}
		}
	}
	for _, d := range refused {
		fmt.Fprintf(&out, "refused  %s: %s\n", d.Bead, d.Reason)
	}
	if r.Reason != "" {
		fmt.Fprintf(&out, "nothing is sent until %s: %s\n", r.Until.UTC().Format(time.RFC3339), r.Reason)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(&out, "%d bead(s) wait\n", r.Waiting)
	}
	if out.Len() == 0 {
		return "nothing to do\n"
	}
	return out.String()
}

// Count is how many times something was done.
func (r Report) Count(what string) (n int) {
	for _, d := range r.Did {
		if d.What == what {
			n++
		}
	}
	return n
}
