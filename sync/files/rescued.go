package files

import (
	"context"
	"fmt"
	"strings"

	"gastown/town"
)

// RescuedText is the digest of a text that was rescued.
func (t *Tree) RescuedText(ctx context.Context, r Rescue) (town.Digest, error) {
	d, file, err := t.rescued(r)
	if err != nil {
		return "", err
	}
	defer d.close()
	text, _, err := d.read(ctx, file)
	if err != nil {
		return "", err
	}
	return town.ContentDigest(string(text)), nil
}

// DropRescued removes a rescued text that still has that digest. The caller
// vouches that this text is recorded: there is no other copy of it here. It
// fails with ErrEdited or town.ErrBusy if the text is another by now.
func (t *Tree) DropRescued(r Rescue, content town.Digest) error {
	sum, err := rawDigest(content)
	if err != nil {
		return err
	}
	d, file, err := t.rescued(r)
	if err != nil {
		return err
	}
	defer d.close()
	return d.discard(file, sum)
}

// rescued opens the directory of a rescued text and names its file there.
func (t *Tree) rescued(r Rescue) (*dir, string, error) {
	kind, err := kindNumber(r.Key)
	if err != nil {
		return nil, "", err
	}
	d, err := t.open(kind, false)
	if err != nil {
		return nil, "", err
	}
	file, ours := strings.CutPrefix(r.Path, d.path(""))
	if !ours || !strings.HasPrefix(file, d.file(r.Key.Name)+".") || !strings.HasSuffix(file, "~") || strings.Contains(file, "/") {
		d.close()
		return nil, "", fmt.Errorf("%s is no rescued text of %s", town.Clip(r.Path, 120), r.Key)
	}
	return d, file, nil
}
