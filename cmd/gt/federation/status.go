package federation

import (
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/town/layout"
)

// statusOptions are the options of gt federation status.
type statusOptions struct {
	call  *shell.Call
	short bool
}

// status is federate.Status for printing.
type status struct {
	Town    string         `json:"town"`
	Store   string         `json:"store"`
	Commit  string         `json:"commit"`
	Clean   bool           `json:"clean"`
	Files   int            `json:"files"`
	Pending bool           `json:"pending"`
	Edited  []editedFile   `json:"edited"`
	Reviews []review       `json:"reviews"`
	Remotes []remoteStatus `json:"remotes"`
	fileReport
}

type editedFile struct {
	Document string `json:"document"`
	Path     string `json:"path"`
	State    string `json:"state"`
}

type remoteStatus struct {
	Name      string     `json:"name"`
	URL       string     `json:"url"`
	Refs      string     `json:"refs,omitempty"`
	Confirmed bool       `json:"confirmed"`
	Ahead     int        `json:"ahead"`
	Behind    int        `json:"behind"`
	Older     bool       `json:"older,omitempty"`
	Verified  *time.Time `json:"verified,omitempty"`
	// Failed and Error are of the pull or push that failed last, if that fails now.
	Failed *time.Time `json:"failed,omitempty"`
	Error  string     `json:"error,omitempty"`
	Pull   attempts   `json:"pull"`
	Push   attempts   `json:"push"`
}

// attempts is federate.Attempts for printing.
type attempts struct {
	Failing   bool       `json:"failing"`
	Succeeded *time.Time `json:"succeeded,omitempty"`
	Failed    *time.Time `json:"failed,omitempty"`
	Error     string     `json:"error,omitempty"`
}

func newAttempts(a federate.Attempts) attempts {
	return attempts{a.Failing, optionalTime(a.Succeeded), optionalTime(a.Failed), a.Error}
}

func statusCommand() shell.Command {
	return shell.Command{
		Name: "status", Help: "Compare files, this Town's plane and its remotes. It uses no network.",
		Examples: []string{"gt federation status", "gt federation status --short", "gt federation status --json"},
		Planes:   []string{layout.Federation}, Permission: shell.MayReadFederation, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &statusOptions{call: call}
			c.Flag("short", "One line for each thing.").Short('s').BoolVar(&o.short)
			return o.run
		},
	}
}

func (o *statusOptions) run(ctx context.Context) error {
	h, err := open(o.call)
	if err != nil {
		return err
	}
	got, err := h.engine.Status(ctx, h.Remotes())
	if err != nil {
		return err
	}
	out := newStatus(h, got)
	if o.short {
		return o.call.Show(out, out.printShort)
	}
	return o.call.Show(out, func(p *term.Printer) { out.print(o.call, p) })
}

func newStatus(h *target, got federate.Status) status {
	out := status{
		Town: h.Config.Town.Name, Store: h.Config.Stores[layout.Federation], Commit: got.Head, Clean: got.Clean(),
		Files: got.Files, Pending: got.Pending, Edited: []editedFile{}, Reviews: []review{}, Remotes: []remoteStatus{},
		fileReport: reportFiles(federate.FileReport{Invalid: got.Invalid, Changing: got.Changing, Rescued: got.Rescued, Dropped: got.Dropped}),
	}
	for _, f := range got.Edited {
		out.Edited = append(out.Edited, editedFile{f.Key.String(), f.Path(), f.State})
	}
	for _, r := range got.Reviews {
		out.Reviews = append(out.Reviews, newReview(r))
	}
	for _, r := range got.Remotes {
		one := remoteStatus{
			Name: r.Name, URL: r.URL, Refs: string(r.Space), Confirmed: r.Confirmed, Ahead: r.Ahead, Behind: r.Behind, Older: r.Older,
			Verified: optionalTime(r.Verified), Pull: newAttempts(r.Pull), Push: newAttempts(r.Push),
		}
		if failing := r.Failing(); len(failing) > 0 {
			one.Failed, one.Error = optionalTime(failing[0].Failed), failing[0].Error
		}
		out.Remotes = append(out.Remotes, one)
	}
	return out
}

// optionalTime is a time, or nil for never.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s status) print(call *shell.Call, p *term.Printer) {
	p.Styled(term.Head, "Town %s, %s in federation/", s.Town, term.Plural(s.Files, "document", "documents"))
	if len(s.Edited) > 0 {
		p.Line("")
		p.Line("Edited and not recorded (gt federation commit, or push):")
		for _, f := range s.Edited {
			p.Styled(term.Bad, "  %-9s %s", f.State+":", f.Path)
		}
	}
	if s.fileReport.hasEntries() {
		p.Line("")
		s.fileReport.print(p)
	}
	if len(s.Reviews) > 0 {
		p.Line("")
		p.Line("Awaiting a person's review (gt federation conflicts):")
		for _, r := range s.Reviews {
			p.Styled(term.Bad, "  %s  %s, %s by %s", r.Short(), r.Document, r.proposes(), r.Author)
		}
	}
	if s.Pending {
		p.Line("")
		p.Line("The plane is ahead of the files; the next commit, pull or push writes them.")
	}
	p.Line("")
	if len(s.Remotes) == 0 {
		p.Line("No remote. To share: gt federation init URL (first Town), or gt federation join URL")
	}
	for _, r := range s.Remotes {
		r.print(call, p)
	}
	if s.Clean && !s.Pending {
		p.Line("Nothing to record, nothing to review.")
	}
}

func (r remoteStatus) print(call *shell.Call, p *term.Printer) {
	if r.Refs == "" {
		p.Line("Remote %s  %s", r.Name, r.URL)
	} else {
		p.Line("Remote %s  %s  (branches dolt/*)", r.Name, r.URL)
	}
	switch {
	case !r.Confirmed:
		p.Line("  not confirmed: gt federation init or join shows what would leave, and asks")
		return
	case r.Older:
		p.Styled(term.Bad, "  the plane here is older than what was exchanged (a restored copy?); gt federation sync brings the rest back")
		if r.Ahead > 0 {
			p.Line("  lacks %s of ours", term.Plural(r.Ahead, "commit", "commits"))
		}
	case r.Ahead == 0 && r.Behind == 0:
		p.Line("  holds everything recorded here, as of the last contact")
	case r.Behind == 0:
		p.Line("  lacks %s of ours (gt federation push)", term.Plural(r.Ahead, "commit", "commits"))
	case r.Ahead == 0:
		p.Line("  has %s for us (gt federation pull)", term.Plural(r.Behind, "commit", "commits"))
	default:
		p.Line("  lacks %s of ours and has %s for us (gt federation sync)",
			term.Plural(r.Ahead, "commit", "commits"), term.Plural(r.Behind, "commit", "commits"))
	}
	if r.Verified == nil {
		p.Line("  never verified")
	} else {
		p.Line("  last verified %s", call.Ago(*r.Verified))
	}
	r.Pull.print(call, p, "pull")
	r.Push.print(call, p, "push")
}

// print names a failure of the last pull or push, and how long it has been so.
func (a attempts) print(call *shell.Call, p *term.Printer, what string) {
	if !a.Failing {
		return
	}
	since := "none has succeeded yet"
	if a.Succeeded != nil {
		since = "the last " + what + " that succeeded was " + call.Ago(*a.Succeeded)
	}
	p.Styled(term.Bad, "  last %s failed %s (%s): %s", what, call.Ago(*a.Failed), since, a.Error)
}

// letters are the letters that git status uses for the states of a file.
var letters = map[string]string{"added": "A", "modified": "M", "deleted": "D"}

func (s status) printShort(p *term.Printer) {
	for _, r := range s.Remotes {
		older := ""
		if r.Older {
			older = " older"
		}
		p.Line("## %s ahead %d behind %d%s", r.Name, r.Ahead, r.Behind, older)
	}
	for _, f := range s.Edited {
		p.Line("%s %s", letters[f.State], f.Path)
	}
	for _, f := range s.Invalid {
		p.Line("! %s", f.text)
	}
	for _, f := range s.Changing {
		p.Line("! %s: being written", f.Path)
	}
	for _, r := range s.Reviews {
		p.Line("U %s %s", r.Document, r.Short())
	}
	for _, f := range s.Rescued {
		p.Line("? %s", f.Path)
	}
	for _, f := range s.Dropped {
		p.Line("- %s", f.Path)
	}
}
