package flags

import (
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

// Prose is the fields of a bead that hold text of many lines, as flags of create
// and update.
type Prose struct {
	Description, Design, Acceptance, Notes Text

	file Text
}

// Define describes the flags.
func (p *Prose) Define(c *kingpin.CmdClause) {
	c.Flag("description", "What the bead is about.").Short('d').PlaceHolder("TEXT").SetValue(&p.Description)
	c.Flag("body", "The same as --description.").Hidden().SetValue(&p.Description)
	c.Flag("body-file", "Read the description from a file, - for standard input.").PlaceHolder("FILE").SetValue(&p.file)
	c.Flag("design", "How it is to be done.").PlaceHolder("TEXT").SetValue(&p.Design)
	c.Flag("acceptance", "When it is done.").PlaceHolder("TEXT").SetValue(&p.Acceptance)
	c.Flag("acceptance-criteria", "The same as --acceptance.").Hidden().SetValue(&p.Acceptance)
	c.Flag("notes", "Notes.").PlaceHolder("TEXT").SetValue(&p.Notes)
}

// Read reads the file of --body-file into the description.
func (p *Prose) Read(call *shell.Call) error {
	if !p.file.Given {
		return nil
	}
	if p.Description.Given {
		return fmt.Errorf("%w: give --description or --body-file, not both", town.ErrUsage)
	}
	text, err := ReadFile(call, p.file.Value, town.MaxTextBytes)
	if err != nil {
		return err
	}
	return p.Description.Set(text)
}
