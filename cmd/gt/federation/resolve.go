package federation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/federation"
	"gastown/sync/federate"
	"gastown/sync/policy"
	"gastown/town"
	"gastown/town/layout"
)

// marks are the lines that policy.ThreeWay puts around a conflict.
var marks = []string{"<<<<<<< ours", "||||||| base", ">>>>>>> theirs"}

// resolveOptions are the options of gt federation conflicts resolve.
type resolveOptions struct {
	call         *shell.Call
	what         string
	ours, theirs bool
	edit         bool
	merged       string
	over         string
}

// resolved is the engine's result for printing.
type resolved struct {
	review
	Outcome string `json:"outcome"`
	// Left counts the reviews that are still open.
	Left int `json:"left"`
	fileReport
}

func resolveCommand() shell.Command {
	return shell.Command{
		Name: "resolve", Help: "Decide one. The decision travels to all Towns with the next push.",
		Examples: []string{
			"gt federation conflicts resolve mayor --ours       # the proposal", "gt federation conflicts resolve mayor --theirs     # what is in force",
			"gt federation conflicts resolve mayor --edit       # the merged text, in an editor", "gt federation conflicts resolve mayor --merged mayor.md",
			"gt federation conflicts resolve mayor --merged mayor.md --over 3f9a12c0",
		},
		AloneWith: []string{"edit"}, // the editor needs the terminal
		Planes:    []string{layout.Federation, layout.Operational}, Permission: shell.MayWriteFederation, Writes: true,
		Reads: []string{"merged"},
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &resolveOptions{call: call}
			reviewArg(call, c, &o.what)
			c.Flag("ours", "Put the proposal's text in force.").BoolVar(&o.ours)
			c.Flag("theirs", "Keep the text in force.").BoolVar(&o.theirs)
			c.Flag("merged", "Put a file's text in force; --merged=- reads standard input.").PlaceHolder("FILE").StringVar(&o.merged)
			c.Flag("edit", "Finish the merged text in $VISUAL or $EDITOR.").BoolVar(&o.edit)
			c.Flag("over", "Only while the text in force is the one with this digest, as conflicts show gives it.").PlaceHolder("DIGEST").StringVar(&o.over)
			return o.run
		},
	}
}

func (o *resolveOptions) run(ctx context.Context) error {
	outcome, err := o.outcome()
	if err != nil {
		return err
	}
	h, err := open(o.call)
	if err != nil {
		return err
	}
	d, path := federate.Decision{Review: o.what, Outcome: outcome, Over: o.over}, ""
	switch {
	case o.merged != "":
		d.Merged, err = o.read(o.merged)
	case o.edit:
		d, path, err = o.editText(ctx, h)
	}
	if err != nil {
		return err
	}
	done, err := h.engine.Resolve(ctx, d)
	if err != nil {
		return o.saveText(d, path, err)
	}
	if path != "" {
		// The text is in force now, so its file is no longer needed.
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	out := resolved{review: newReview(done.Review), Outcome: string(done.Outcome), Left: done.Open, fileReport: reportFiles(done.FileReport)}
	if err := o.call.Summary(out, out.print); err != nil {
		return err
	}
	return h.CheckReviews()
}

// saveText says where the person's text is after it could not be put in force. A
// text that was typed or piped in may exist nowhere else, so it is written to a
// file.
func (o *resolveOptions) saveText(d federate.Decision, path string, failed error) error {
	if path == "" && o.merged == "-" {
		var err error
		if path, err = o.newFile("merged", d.Merged); err != nil {
			return errors.Join(failed, err)
		}
	}
	if path == "" {
		return failed
	}
	next := fmt.Sprintf("it is kept: mend %s, then resolve with --merged %s", path, path)
	if errors.Is(failed, federate.ErrChanged) {
		next = fmt.Sprintf("it is kept in %s: take in what gt federation conflicts show %s has now, then resolve with --merged %s",
			path, town.Clip(o.what, 80), path)
	}
	return town.Fail("use the merged text", next, "%w", failed)
}

// newFile writes a text to a new private file.
func (o *resolveOptions) newFile(name, text string) (path string, err error) {
	f, err := os.CreateTemp(cmp.Or(o.call.Getenv("TMPDIR"), "/tmp"), "gt-"+name+"-*.md")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	return f.Name(), errors.Join(err, f.Close())
}

// outcome checks that exactly one outcome was chosen.
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
	if o.over != "" && (o.edit || o.over != federate.NoText && len(o.over) < 4) {
		return "", town.Fail("resolve "+town.Clip(o.what, 80), "gt federation conflicts show "+town.Clip(o.what, 80)+" has the digests",
			"%w: --over is at least four characters of a digest, and not for --edit, which checks that itself", town.ErrUsage)
	}
	if chosen != 1 {
		return "", town.Fail("resolve "+town.Clip(o.what, 80), "gt federation conflicts show "+town.Clip(o.what, 80)+" helps to choose",
			"%w: choose one of --ours, --theirs, --merged FILE and --edit", town.ErrUsage)
	}
	return out, nil
}

// read reads a text for a document.
func (o *resolveOptions) read(path string) (string, error) {
	in, err := o.call.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, town.MaxDocumentBytes+1))
	if err == nil && len(data) > town.MaxDocumentBytes {
		err = fmt.Errorf("%w: it is larger than %s", town.ErrUsage, term.Size(town.MaxDocumentBytes))
	}
	if err == nil {
		err = unsettled(string(data))
	}
	if err != nil {
		return "", town.Fail("read "+path, "put the text as it should be into that file, then run it again", "%w", err)
	}
	return string(data), nil
}

// unsettled refuses a text that still has conflict marks.
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

// editText lets a person edit the merged text in the file path, which stays until
// the text is in force. The decision names the review by its id and the text that
// was in force, so it cannot be applied to other texts.
func (o *resolveOptions) editText(ctx context.Context, h *target) (d federate.Decision, path string, err error) {
	if !o.call.HasEditor() {
		return d, "", town.Fail("edit the review "+town.Clip(o.what, 80), "set EDITOR, or resolve with --merged FILE",
			"%w: there is no terminal for "+shell.DefaultEditor+", and neither VISUAL nor EDITOR names a program", town.ErrUsage)
	}
	// Edited files are recorded first, because one may become the text in force.
	if _, err := h.engine.Commit(ctx, ""); err != nil {
		return d, "", err
	}
	r, _, err := h.pick(ctx, o.what)
	if err != nil {
		return d, "", err
	}
	d = federate.Decision{Review: string(r.ID), Outcome: federation.OutcomeMerged, Over: federate.NoText}
	theirs := ""
	if r.Current != nil {
		theirs, d.Over = r.Current.Text, string(r.Current.Content())
	}
	draft, _ := policy.ThreeWay(r.Base, r.Text, theirs)
	if path, err = o.newFile(r.Name, draft); err != nil {
		return d, path, err
	}
	op := "edit the review of " + r.Key.String()
	if err := o.call.Edit(ctx, path); err != nil {
		return d, path, town.Fail(op, "set EDITOR, or finish "+path+" and resolve with --merged "+path, "%w", err)
	}
	if d.Merged, err = o.read(path); err != nil {
		return d, path, town.Fail(op, "finish "+path+", then resolve with --merged "+path, "%w", err)
	}
	return d, path, nil
}

func (out resolved) print(p *term.Printer) {
	text := map[string]string{
		string(federation.OutcomeOurs): "the proposal is in force", string(federation.OutcomeTheirs): "the text in force stays",
		string(federation.OutcomeMerged): "the merged text is in force",
	}[out.Outcome]
	if out.Delete && out.Outcome == string(federation.OutcomeOurs) {
		text = "the role is removed"
	}
	p.Styled(term.Good, "%s: %s", out.Document, text)
	p.Line("  gt federation push tells the other Towns")
	out.fileReport.print(p)
}
