package change

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// editOptions are those of bd edit.
type editOptions struct {
	call  *shell.Call
	id    string
	field [len(editFields)]bool
}

// editFields are the texts that bd edit opens; the first one without a flag.
var editFields = [...]struct {
	flag, name string
	of         func(*town.Bead) *string
	patch      func(*ledger.Patch, *string)
}{
	{"description", "description", func(b *town.Bead) *string { return &b.Description }, func(p *ledger.Patch, s *string) { p.Description = s }},
	{"title", "title", func(b *town.Bead) *string { return &b.Title }, func(p *ledger.Patch, s *string) { p.Title = s }},
	{"design", "design", func(b *town.Bead) *string { return &b.Design }, func(p *ledger.Patch, s *string) { p.Design = s }},
	{"notes", "notes", func(b *town.Bead) *string { return &b.Notes }, func(p *ledger.Patch, s *string) { p.Notes = s }},
	{"acceptance", "acceptance_criteria", func(b *town.Bead) *string { return &b.AcceptanceCriteria }, func(p *ledger.Patch, s *string) { p.AcceptanceCriteria = s }},
}

// Edit is bd edit.
func Edit() shell.Command {
	return shell.Command{
		Name: "edit", Help: "Edit a text of a bead in $VISUAL or $EDITOR: its description, unless a flag names another.",
		Examples: []string{"bd edit gt-a3f8x", "bd edit gt-a3f8x --notes", "EDITOR=nano bd edit gt-a3f8x --title"},
		// It starts a program that has the terminal.
		Alone:  true,
		Planes: []string{layout.Ledger}, Permission: shell.MayWriteLedger, Writes: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &editOptions{call: call}
			c.Arg("id", "The bead.").Required().PlaceHolder("ID").StringVar(&o.id)
			for i, f := range editFields {
				c.Flag(f.flag, "Edit its "+strings.ReplaceAll(f.name, "_", " ")+".").BoolVar(&o.field[i])
			}
			return o.run
		},
	}
}

func (o *editOptions) run(ctx context.Context) error {
	op := "edit " + town.Clip(o.id, 80)
	chosen := 0
	for i, is := range o.field {
		if is {
			chosen = i
		}
	}
	f := editFields[chosen]
	if !o.call.HasEditor() {
		return town.Fail(op, "set EDITOR, or give the text itself: bd update ID --"+f.flag+" TEXT",
			"%w: there is no terminal for %s, and neither VISUAL nor EDITOR names a program", town.ErrUsage, shell.DefaultEditor)
	}
	var b town.Bead
	// The ledger is closed while a person edits.
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		list, err := l.Get(ctx, []string{o.id}, append(ledger.Fields{f.name}, view.LineFields()...))
		if err == nil {
			b = list[0].Bead
		}
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	dir, err := os.MkdirTemp(cmp.Or(o.call.Getenv("TMPDIR"), "/tmp"), "bd-edit-")
	if err != nil {
		return session.Fail(op, err)
	}
	path := filepath.Join(dir, b.ID+"-"+f.name+".md")
	text, err := o.edited(ctx, path, *f.of(&b))
	var list []town.Bead
	if err == nil && text != strings.TrimSpace(*f.of(&b)) {
		p := ledger.Patch{ID: b.ID}
		f.patch(&p, &text)
		err = session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
			list, err = l.Update(ctx, []ledger.Patch{p})
			return err
		})
	}
	if err != nil { // the text stays where the person finds it
		return town.Fail(op, fmt.Sprintf("your text is in %s: correct it, then bd update %s --%s \"$(cat %[1]s)\"", path, b.ID, f.flag), "%w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if list == nil {
		o.call.Hint("nothing was changed")
	}
	return view.Beads(o.call, "updated", list)
}

// edited lets the person edit a text in a file of that path.
func (o *editOptions) edited(ctx context.Context, path, text string) (string, error) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", err
	}
	if err := o.call.Edit(ctx, path); err != nil {
		return "", err
	}
	text, err := flags.ReadFile(o.call, path, town.MaxTextBytes)
	return strings.TrimSpace(text), err
}
