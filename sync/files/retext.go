package files

import (
	"context"
	"errors"
	"fmt"

	"gastown/town"
)

// defaultTextBytes bounds the texts that one Scan keeps; see Change.Unread.
const defaultTextBytes = 32 << 20

// Text is the text of a change that Scan reported, read again if Scan did not
// keep it. It fails with ErrEdited if the file is no longer what was reported,
// be it gone, another text or nothing that can be a document; with town.ErrBusy
// if someone is writing to it. The next Scan reports either anew. Errors name
// the file. It may be called from another goroutine than the Tree's other methods.
func (t *Tree) Text(ctx context.Context, c Change) (string, error) {
	if !c.Unread {
		return c.Text, nil
	}
	text, err := t.again(ctx, c)
	if err != nil {
		return "", fmt.Errorf("%s: %w", town.Clip(c.Path(), 120), err)
	}
	return text, nil
}

// again reads a file once more. What a Scan would call a fault of the file, or
// of the directory it is in, is an edit.
func (t *Tree) again(ctx context.Context, c Change) (string, error) {
	kind, err := kindNumber(c.Key)
	if err != nil {
		return "", err
	}
	d, err := t.open(kind, false)
	if gone(err) || errors.Is(err, errNoDirectory) {
		return "", ErrEdited
	}
	if err != nil {
		return "", err
	}
	defer d.close()
	text, _, err := d.read(ctx, d.file(c.Name))
	switch {
	case err == nil && town.ContentDigest(string(text)) == c.Content:
		return string(text), nil
	case err == nil, gone(err):
		return "", ErrEdited
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, town.ErrBusy):
		return "", err
	}
	return "", fmt.Errorf("%w: %w", ErrEdited, err)
}
