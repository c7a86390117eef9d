package cli

import (
	"cmp"
	"fmt"
	"io"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

// flagText is the value of a flag, and whether it was given at all.
type flagText struct {
	value string
	set   bool
}

func (t *flagText) String() string { return t.value }

// Set is called by the parser.
func (t *flagText) Set(s string) error {
	t.value, t.set = s, true
	return nil
}

// ptr is nil when the flag was not given.
func (t *flagText) ptr() *string {
	if !t.set {
		return nil
	}
	return &t.value
}

// texts are the fields of a bead that hold prose, as flags of create and update.
type texts struct {
	description, design, acceptance, notes, file flagText
}

func (t *texts) flags(c *kingpin.CmdClause) {
	c.Flag("description", "What it is about.").Short('d').PlaceHolder("TEXT").SetValue(&t.description)
	c.Flag("body", "The same as --description.").Hidden().SetValue(&t.description)
	c.Flag("body-file", "Read the description from a file, - for standard input.").PlaceHolder("FILE").SetValue(&t.file)
	c.Flag("design", "How it is to be done.").PlaceHolder("TEXT").SetValue(&t.design)
	c.Flag("acceptance", "When it is done.").PlaceHolder("TEXT").SetValue(&t.acceptance)
	c.Flag("acceptance-criteria", "The same as --acceptance.").Hidden().SetValue(&t.acceptance)
	c.Flag("notes", "Notes.").PlaceHolder("TEXT").SetValue(&t.notes)
}

// read takes the description from the file that was named.
func (t *texts) read(call *shell.Call) error {
	if !t.file.set {
		return nil
	}
	if t.description.set {
		return fmt.Errorf("%w: give --description or --body-file, not both", town.ErrUsage)
	}
	text, err := readText(call, t.file.value, town.MaxTextBytes)
	if err != nil {
		return err
	}
	return t.description.Set(text)
}

// open opens a file that was named; - and /dev/stdin are standard input.
func open(call *shell.Call, name string) (io.ReadCloser, error) {
	f, err := call.Open(cmp.Or(name, "-"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", town.ErrUsage, err)
	}
	return f, nil
}

// readText reads a file of at most so many bytes.
func readText(call *shell.Call, name string, most int64) (_ string, err error) {
	f, err := open(call, name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(text)) > most {
		return "", fmt.Errorf("%w: %s has more than %d bytes, the limit of one text", town.ErrBadBead, name, most)
	}
	return string(text), nil
}
