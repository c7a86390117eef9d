package files

import (
	"context"

	"gastown/town"
)

// defaultTextBytes bounds the texts that one Scan keeps; see Change.Unread.
const defaultTextBytes = 32 << 20

// Text is the text of a change that Scan reported, read again if Scan did not
// keep it. It fails with ErrEdited if the file is no longer what was reported,
// with town.ErrBusy if someone is writing to it: the next Scan reports it anew.
func (t *Tree) Text(ctx context.Context, c Change) (string, error) {
	if !c.Unread {
		return c.Text, nil
	}
	kind, err := kindNumber(c.Key)
	if err != nil {
		return "", err
	}
	d, err := t.open(kind, false)
	if gone(err) {
		return "", ErrEdited
	}
	if err != nil {
		return "", err
	}
	defer d.close()
	text, _, err := d.read(ctx, d.file(c.Name))
	if gone(err) || err == nil && town.ContentDigest(string(text)) != c.Content {
		return "", ErrEdited
	}
	return string(text), err
}
