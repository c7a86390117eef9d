package cli

import (
	"context"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/sync/federate"
)

// statusOptions are those of gt federation status.
type statusOptions struct {
	app   *App
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
	Confirmed bool       `json:"confirmed"`
	Ahead     int        `json:"ahead"`
	Behind    int        `json:"behind"`
	Verified  *time.Time `json:"verified,omitempty"`
	Failed    *time.Time `json:"failed,omitempty"`
	Error     string     `json:"error,omitempty"`
}

func (a *App) configureStatus(fed *kingpin.CmdClause) {
	o := &statusOptions{app: a}
	c := a.add(fed, "status", "Compare files, this Town's plane and its remotes. It contacts nobody.",
		examples("gt federation status", "gt federation status --short", "gt federation status --json"), o.run)
	c.Flag("short", "One line for each thing.").Short('s').BoolVar(&o.short)
}

func (o *statusOptions) run(ctx context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	got, err := h.engine.Status(ctx, h.remotes())
	if err != nil {
		return err
	}
	out := newStatus(h, got)
	if o.short {
		return o.app.show(out, out.sayShort)
	}
	return o.app.show(out, func(p *printer) { out.say(o.app, p) })
}

func newStatus(h *workplace, got federate.Status) status {
	out := status{
		Town: h.config.Town.Name, Store: h.config.Stores[planeFederation], Commit: got.Head, Clean: got.Clean(),
		Files: got.Files, Pending: got.Pending, Edited: []editedFile{}, Reviews: []review{}, Remotes: []remoteStatus{},
		fileReport: reportFiles(federate.FileReport{Invalid: got.Invalid, Rescued: got.Rescued, Dropped: got.Dropped}),
	}
	for _, f := range got.Edited {
		out.Edited = append(out.Edited, editedFile{f.Key.String(), f.Path(), f.State})
	}
	for _, r := range got.Reviews {
		out.Reviews = append(out.Reviews, newReview(r))
	}
	for _, r := range got.Remotes {
		out.Remotes = append(out.Remotes, remoteStatus{
			Name: r.Name, URL: r.URL, Confirmed: r.Confirmed, Ahead: r.Ahead, Behind: r.Behind,
			Verified: moment(r.Verified), Failed: moment(r.Failed), Error: r.Error,
		})
	}
	return out
}

// moment is a time, or nothing for never.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s status) say(a *App, p *printer) {
	p.styled(styleHead, "Town %s, %s in federation/", s.Town, plural(s.Files, "document", "documents"))
	if len(s.Edited) > 0 {
		p.line("")
		p.line("Edited and not recorded (gt federation commit, or push):")
		for _, f := range s.Edited {
			p.styled(styleBad, "  %-9s %s", f.State+":", f.Path)
		}
	}
	if s.fileReport.tells() {
		p.line("")
		s.fileReport.say(p)
	}
	if len(s.Reviews) > 0 {
		p.line("")
		p.line("Awaiting a person's review (gt federation conflicts):")
		for _, r := range s.Reviews {
			p.styled(styleBad, "  %s  %s, %s by %s", r.Short(), r.Document, r.wish(), r.Author)
		}
	}
	if s.Pending {
		p.line("")
		p.line("The plane is ahead of the files; the next commit, pull or push writes them.")
	}
	p.line("")
	if len(s.Remotes) == 0 {
		p.line("No remote. To share: gt federation init URL (first Town), or gt federation join URL")
	}
	for _, r := range s.Remotes {
		r.say(a, p)
	}
	if s.Clean && !s.Pending {
		p.line("Nothing to record, nothing to review.")
	}
}

func (r remoteStatus) say(a *App, p *printer) {
	p.line("Remote %s  %s", r.Name, r.URL)
	switch {
	case !r.Confirmed:
		p.line("  not confirmed: gt federation init or join shows what would leave, and asks")
		return
	case r.Ahead == 0 && r.Behind == 0:
		p.line("  holds everything recorded here, as of the last contact")
	case r.Behind == 0:
		p.line("  lacks %s of ours (gt federation push)", plural(r.Ahead, "commit", "commits"))
	case r.Ahead == 0:
		p.line("  has %s for us (gt federation pull)", plural(r.Behind, "commit", "commits"))
	default:
		p.line("  lacks %s of ours and has %s for us (gt federation sync)",
			plural(r.Ahead, "commit", "commits"), plural(r.Behind, "commit", "commits"))
	}
	if r.Verified == nil {
		p.line("  never verified")
	} else {
		p.line("  last verified %s", a.ago(*r.Verified))
	}
	if r.Failed != nil {
		p.styled(styleBad, "  last attempt failed %s: %s", a.ago(*r.Failed), r.Error)
	}
}

// letters are those git status has for the states of a file.
var letters = map[string]string{"added": "A", "modified": "M", "deleted": "D"}

func (s status) sayShort(p *printer) {
	for _, r := range s.Remotes {
		p.line("## %s ahead %d behind %d", r.Name, r.Ahead, r.Behind)
	}
	for _, f := range s.Edited {
		p.line("%s %s", letters[f.State], f.Path)
	}
	for _, f := range s.Invalid {
		p.line("! %s", f.text)
	}
	for _, r := range s.Reviews {
		p.line("U %s %s", r.Document, r.Short())
	}
	for _, f := range s.Rescued {
		p.line("? %s", f.Path)
	}
	for _, f := range s.Dropped {
		p.line("- %s", f.Path)
	}
}
