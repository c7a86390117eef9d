package cli

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/sync/federate"
)

// commitOptions are those of gt federation commit.
type commitOptions struct {
	app     *App
	message string
}

// recorded is the engine's outcome for printing.
type recorded struct {
	Commit string   `json:"commit,omitempty"`
	Edits  int      `json:"edits"`
	Notes  []string `json:"notes"`
	fileReport
}

func (a *App) configureCommit(fed *kingpin.CmdClause) {
	o := &commitOptions{app: a}
	c := a.add(fed, "commit", "Record edited files in this Town. It needs no network; push does it first.",
		examples("gt federation commit", `gt federation commit -m "mayor: hand over at dusk"`), o.run)
	c.Flag("message", "What the edit is about (default: the documents edited).").Short('m').PlaceHolder("TEXT").StringVar(&o.message)
}

func (o *commitOptions) run(ctx context.Context) error {
	h, err := o.app.open()
	if err != nil {
		return err
	}
	done, err := h.engine.Commit(ctx, o.message)
	h.progress.clear()
	if err != nil {
		return err
	}
	out := newRecorded(done)
	err = o.app.summary(out, func(p *printer) {
		if out.Edits == 0 {
			p.line("nothing to record")
		}
		out.say(p)
	})
	if err != nil {
		return err
	}
	return h.reviews.left()
}

func newRecorded(r federate.Recorded) recorded {
	return recorded{Commit: r.Commit, Edits: r.Edits, Notes: list(r.Notes), fileReport: reportFiles(r.FileReport)}
}

func (r recorded) worthTelling() bool {
	return r.Edits > 0 || len(r.Notes) > 0 || r.fileReport.tells()
}

func (r recorded) say(p *printer) { r.sayFor(p, false) }

func (r recorded) sayFor(p *printer, dry bool) {
	switch {
	case r.Edits == 0:
	case dry:
		p.line("%s to record", plural(r.Edits, "edit", "edits"))
	default:
		p.styled(styleGood, "recorded %s (%s)", plural(r.Edits, "edit", "edits"), short(r.Commit))
	}
	sayNotes(p, r.Notes)
	r.fileReport.say(p)
}

// short is the part of a commit people are shown.
func short(commit string) string { return commit[:min(len(commit), shortCommit)] }

// shortCommit is the length of an abbreviated commit.
const shortCommit = 10
