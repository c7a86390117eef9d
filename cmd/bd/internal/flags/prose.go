package flags

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

// Prose is the fields of a bead that hold text of many lines, as flags of create
// and update.
type Prose struct {
	Description, Design, Acceptance, Notes, AppendNotes Text

	file, designFile Text
	stdin            bool
}

// ProseFiles are the flags of Define that name files to read.
func ProseFiles() []string { return []string{"body-file", "description-file", "design-file"} }

// Define describes the flags.
func (p *Prose) Define(c *kingpin.CmdClause) {
	c.Flag("description", "What the bead is about.").Short('d').PlaceHolder("TEXT").SetValue(&p.Description)
	c.Flag("body", "The same as --description.").Hidden().PlaceHolder("TEXT").SetValue(&p.Description)
	c.Flag("message", "The same as --description.").Short('m').Hidden().PlaceHolder("TEXT").SetValue(&p.Description)
	c.Flag("body-file", "Read the description from a file, - for standard input.").PlaceHolder("FILE").SetValue(&p.file)
	c.Flag("description-file", "The same as --body-file.").Hidden().SetValue(&p.file)
	c.Flag("stdin", "Read the description from standard input.").BoolVar(&p.stdin)
	c.Flag("allow-empty-description", "Accepted without effect: an empty description is allowed.").Hidden().Bool()
	c.Flag("design", "How it is to be done.").PlaceHolder("TEXT").SetValue(&p.Design)
	c.Flag("design-file", "Read the design from a file, - for standard input.").PlaceHolder("FILE").SetValue(&p.designFile)
	c.Flag("acceptance", "When it is done.").PlaceHolder("TEXT").SetValue(&p.Acceptance)
	c.Flag("acceptance-criteria", "The same as --acceptance.").Hidden().PlaceHolder("TEXT").SetValue(&p.Acceptance)
	c.Flag("notes", "Notes.").PlaceHolder("TEXT").SetValue(&p.Notes)
	c.Flag("append-notes", "Add a line to the notes.").PlaceHolder("TEXT").SetValue(&p.AppendNotes)
}

// Read reads the files that the flags name.
func (p *Prose) Read(call *shell.Call) error {
	if p.stdin {
		if p.file.Given {
			return fmt.Errorf("%w: give --stdin or --body-file, not both", town.ErrUsage)
		}
		p.file = Text{Value: shell.StandardInput, Given: true}
	}
	if standardInput(p.Description) && !p.file.Given { // --description=-
		p.Description, p.file = Text{}, p.Description
	}
	if p.Notes.Given && p.AppendNotes.Given {
		return fmt.Errorf("%w: give --notes or --append-notes, not both", town.ErrUsage)
	}
	if standardInput(p.file) && standardInput(p.designFile) {
		return fmt.Errorf("%w: only one text can come from standard input", town.ErrUsage)
	}
	if err := p.file.into(call, &p.Description, "give --description or --body-file, not both"); err != nil {
		return err
	}
	return p.designFile.into(call, &p.Design, "give --design or --design-file, not both")
}

// Given reports whether any of the flags was given.
func (p *Prose) Given() bool {
	for _, t := range []Text{p.Description, p.Design, p.Acceptance, p.Notes, p.AppendNotes, p.file, p.designFile} {
		if t.Given {
			return true
		}
	}
	return p.stdin
}

// standardInput reports whether a flag names standard input.
func standardInput(t Text) bool { return t.Value == "-" || t.Value == shell.StandardInput }

// into reads the file that a flag names, if it was given, into a text.
func (t *Text) into(call *shell.Call, text *Text, both string) error {
	if !t.Given {
		return nil
	}
	if text.Given {
		return fmt.Errorf("%w: %s", town.ErrUsage, both)
	}
	content, err := ReadFile(call, t.Value, town.MaxTextBytes)
	if err != nil {
		return err
	}
	return text.Set(content)
}

// Words is a text that a command takes as its last arguments, from a file or from
// standard input.
type Words struct {
	args  []string
	file  Text
	stdin bool
}

// Define describes the argument and the flags. what says what the text is for.
func (w *Words) Define(c *kingpin.CmdClause, what string) {
	c.Arg("text", what).PlaceHolder("TEXT").StringsVar(&w.args)
	c.Flag("file", "Read it from a file, - for standard input.").Short('f').PlaceHolder("FILE").SetValue(&w.file)
	c.Flag("stdin", "Read it from standard input.").BoolVar(&w.stdin)
}

// Given reports whether there is a text.
func (w *Words) Given() bool { return len(w.args) > 0 || w.file.Given || w.stdin }

// Read returns the text. usage says how to give one where there is none.
func (w *Words) Read(call *shell.Call, usage string) (string, error) {
	given := 0
	for _, is := range []bool{len(w.args) > 0, w.file.Given, w.stdin} {
		if is {
			given++
		}
	}
	if given > 1 {
		return "", fmt.Errorf("%w: give one of TEXT, --file and --stdin", town.ErrUsage)
	}
	text := strings.Join(w.args, " ")
	if w.stdin {
		w.file = Text{Value: shell.StandardInput, Given: true}
	}
	if w.file.Given {
		content, err := ReadFile(call, w.file.Value, town.MaxTextBytes)
		if err != nil {
			return "", err
		}
		text = strings.TrimRight(content, "\n")
	}
	if strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("%w: say something: %s", town.ErrUsage, usage)
	}
	return text, nil
}
