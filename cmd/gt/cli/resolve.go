package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/planes/federation"
	"gastown/sync/policy"
	"gastown/town"
)

// defaultEditor is used where neither VISUAL nor EDITOR names one.
const defaultEditor = "vi"

// marks begin the lines policy.ThreeWay puts around a conflict.
var marks = []string{"<<<<<<< ours", "||||||| base", ">>>>>>> theirs"}

// resolveOptions are those of gt federation conflicts resolve.
type resolveOptions struct {
	app          *App
	what         string
	ours, theirs bool
	edit         bool
	merged       string
}

// resolved is the engine's outcome for printing.
type resolved struct {
	review
	Outcome string `json:"outcome"`
	// Left counts the reviews that still await somebody.
	Left int `json:"left"`
	fileReport
}

func (a *App) configureResolve(g *kingpin.CmdClause) {
	o := &resolveOptions{app: a}
	c := a.add(g, "resolve", "Decide one. The decision travels to all Towns with the next push.",
		examples("gt federation conflicts resolve mayor --ours       # the proposal", "gt federation conflicts resolve mayor --theirs     # what is in force",
			"gt federation conflicts resolve mayor --edit       # the merged text, in an editor", "gt federation conflicts resolve mayor --merged mayor.md"), o.run)
	c.Arg("review", "The role's name, role/NAME, or the start of the review's id.").Required().PlaceHolder("X").HintAction(a.hintReviews).StringVar(&o.what)
	c.Flag("ours", "Put the proposal's text in force.").BoolVar(&o.ours)
	c.Flag("theirs", "Keep the text in force.").BoolVar(&o.theirs)
	c.Flag("merged", "Put a file's text in force; --merged=- reads standard input.").PlaceHolder("FILE").StringVar(&o.merged)
	c.Flag("edit", "Finish the merged text in $VISUAL or $EDITOR.").BoolVar(&o.edit)
}

func (o *resolveOptions) run(ctx context.Context) error {
	outcome, err := o.outcome()
	if err != nil {
		return err
	}
	h, err := o.app.open()
	if err != nil {
		return err
	}
	what, text, kept := o.what, "", ""
	switch {
	case o.merged != "":
		text, err = o.read(o.merged)
	case o.edit:
		what, text, kept, err = o.editText(ctx, h)
	}
	if err != nil {
		return err
	}
	done, err := h.engine.Resolve(ctx, what, outcome, text)
	h.progress.clear()
	if err != nil {
		if kept != "" {
			return town.Fail("use the edited text", fmt.Sprintf("it is kept: mend %s, then resolve with --merged %s", kept, kept), "%w", err)
		}
		return err
	}
	if kept != "" {
		// The text is in force now; the file was only there to be edited.
		if err := os.Remove(kept); err != nil {
			return err
		}
	}
	out := resolved{review: newReview(done.Review), Outcome: string(done.Outcome), Left: done.Open, fileReport: reportFiles(done.FileReport)}
	if err := o.app.summary(out, out.say); err != nil {
		return err
	}
	return h.reviews.left()
}

// outcome checks that exactly one was chosen.
func (o *resolveOptions) outcome() (out federation.Outcome, err error) {
	chosen := 0
	for _, c := range []struct {
		on  bool
		out federation.Outcome
	}{{o.ours, federation.OutcomeOurs}, {o.theirs, federation.OutcomeTheirs}, {o.merged != "", federation.OutcomeMerged}, {o.edit, federation.OutcomeMerged}} {
		if c.on {
			chosen++
			out = c.out
		}
	}
	if chosen != 1 {
		return "", town.Fail("resolve "+town.Clip(o.what, 80), "gt federation conflicts show "+town.Clip(o.what, 80)+" helps to choose",
			"%w: choose one of --ours, --theirs, --merged FILE and --edit", town.ErrUsage)
	}
	return out, nil
}

// read reads a text that is to be a document.
func (o *resolveOptions) read(path string) (string, error) {
	in := o.app.Stdin
	if path != "-" {
		f, err := os.Open(o.app.abs(path))
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, town.MaxDocumentBytes+1))
	if err == nil && len(data) > town.MaxDocumentBytes {
		err = fmt.Errorf("%w: it is larger than %s", town.ErrUsage, size(town.MaxDocumentBytes))
	}
	if err == nil {
		err = unsettled(string(data))
	}
	if err != nil {
		return "", town.Fail("read "+path, "", "%w", err)
	}
	return string(data), nil
}

// unsettled reports marks of a merge that nobody has settled.
func unsettled(text string) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		for _, m := range marks {
			if strings.TrimRight(line, "\r\n") == m {
				return fmt.Errorf("%w: line %d still has the mark %s", town.ErrUsage, n, m)
			}
		}
	}
	return nil
}

// editText lets a person finish the merged text. What was written is kept in
// a file until it is in force. It returns the review's id, so that the review
// decided is the one that was edited.
func (o *resolveOptions) editText(ctx context.Context, h *host) (id, text, path string, err error) {
	r, _, err := h.pick(ctx, o.what)
	if err != nil {
		return "", "", "", err
	}
	theirs := ""
	if r.Current != nil {
		theirs = r.Current.Text
	}
	draft, _ := policy.ThreeWay(r.Base, r.Text, theirs)
	f, err := os.CreateTemp("", "gt-"+r.Name+"-*.md")
	if err != nil {
		return "", "", "", err
	}
	path = f.Name()
	_, err = f.WriteString(draft)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", "", path, err
	}
	op := "edit the review of " + r.Key.String()
	if err := o.editor(ctx, path); err != nil {
		return "", "", path, town.Fail(op, "set EDITOR, or finish "+path+" and resolve with --merged "+path, "%w", err)
	}
	text, err = o.read(path)
	if err != nil {
		return "", "", path, town.Fail(op, "finish "+path+", then resolve with --merged "+path, "%w", err)
	}
	return string(r.ID), text, path, nil
}

// editor runs the person's editor on a file, as a shell command, which is what
// people set these variables to.
func (o *resolveOptions) editor(ctx context.Context, path string) error {
	command := o.app.Getenv("VISUAL")
	if command == "" {
		command = o.app.Getenv("EDITOR")
	}
	if command == "" {
		command = defaultEditor
	}
	c := exec.CommandContext(ctx, "sh", "-c", command+` "$1"`, "sh", path)
	c.Stdin, c.Stdout, c.Stderr = o.app.Stdin, o.app.Stderr, o.app.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("the editor %s: %w", town.Clip(command, 80), err)
	}
	return nil
}

func (out resolved) say(p *printer) {
	text := map[string]string{
		string(federation.OutcomeOurs): "the proposal is in force", string(federation.OutcomeTheirs): "what was in force stays so",
		string(federation.OutcomeMerged): "the merged text is in force",
	}[out.Outcome]
	if out.Delete && out.Outcome == string(federation.OutcomeOurs) {
		text = "the role is removed"
	}
	p.styled(styleGood, "%s: %s", out.Document, text)
	p.line("  gt federation push tells the other Towns")
	out.fileReport.say(p)
}
