package mirror

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"gastown/town"
	"gastown/town/tracker"
)

const (
	// idLength is how long the last part of the id of an imported bead is, and
	// maxIDLength how long it gets when shorter ones are taken.
	idLength, maxIDLength = 8, 16
)

// Import makes beads of the issues that the tracker finds for a query, one bead for an
// issue, also when it is done twice or cut off. Issues that were made of beads are left
// out. A dry run says which beads would be made.
func (m *Mirror) Import(ctx context.Context, query string, dry bool) (rep Report, err error) {
	rep = Report{DryRun: dry, Did: []Did{}}
	issues, err := m.o.Tracker.Search(ctx, query, tracker.MaxImport)
	if err != nil {
		return rep, err
	}
	made := map[string]string{} // the texts of the beads that are made
	for _, raw := range issues {
		issue, ok := raw.Checked()
		if !ok || issue.Mark != "" {
			continue
		}
		did, err := m.takeIssue(ctx, issue, dry)
		if err != nil {
			return rep, fmt.Errorf("import %s: %w", issue.Key, err)
		}
		if did != nil {
			rep.Did = append(rep.Did, *did)
			made[did.Bead] = issue.Body
		}
	}
	if dry {
		return rep, nil
	}
	for _, bead := range slices.Sorted(maps.Keys(made)) {
		if err := m.relate(ctx, bead, made[bead]); err != nil {
			return rep, fmt.Errorf("relate %s: %w", bead, err)
		}
	}
	return rep, nil
}

// maxRelated is how many addresses of a text are looked at.
const maxRelated = 20

// address matches what may be the full address of an issue in a text.
var address = regexp.MustCompile(`https?://[^\s<>()\[\]{}"'|\\]+`)

// relate relates a bead to those of the issues that its text names by their full addresses,
// such as https://github.com/acme/web/issues/5.
func (m *Mirror) relate(ctx context.Context, bead, text string) error {
	seen := map[string]bool{}
	for _, found := range address.FindAllString(text, maxRelated) {
		found, _, _ = strings.Cut(found, "#") // a comment of the issue
		if found = strings.TrimRight(found, ".,;:!?*_~`/"); seen[found] {
			continue
		}
		seen[found] = true
		other, there, err := m.o.Beads.ByRef(ctx, found)
		if err == nil && there && other != bead {
			err = m.o.Beads.Relate(ctx, bead, other)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeIssue makes the bead of an issue, unless there is one.
func (m *Mirror) takeIssue(ctx context.Context, i tracker.Issue, dry bool) (*Did, error) {
	if _, found, err := m.o.Rows.ByIssue(ctx, i.ID); found || err != nil {
		return nil, err
	}
	ref := i.URL
	if ref == "" {
		ref = m.o.Plugin + ":" + i.Key
	}
	bead, made := "", false
	var err error
	var there bool
	if bead, there, err = m.o.Beads.ByRef(ctx, ref); err != nil {
		return nil, err
	}
	b := m.beadOf(i, ref)
	if !there {
		if dry {
			return &Did{Bead: "new", What: Imported, Title: b.Title, URL: i.URL, Text: b.Description}, nil
		}
		if bead, made, err = m.create(ctx, b, ref); err != nil || bead == "" {
			return nil, err
		}
	}
	if dry {
		return nil, nil
	}
	// The bead is as the issue is, so nothing is sent back for it.
	l := tracker.Link{Plugin: m.o.Plugin, Bead: bead, State: tracker.Linked, Issue: i.ID, URL: i.URL, Theirs: true, Closed: i.Closed, Changed: m.o.Now()}
	if err := m.o.Rows.Adopt(ctx, l); err != nil || !made {
		return nil, err
	}
	return &Did{Bead: bead, What: Imported, Title: b.Title, URL: i.URL}, nil
}

// beadOf makes a bead of the hostile texts of an issue.
func (m *Mirror) beadOf(i tracker.Issue, ref string) town.Bead {
	b := town.Bead{Title: i.Title, Description: i.Body, Type: town.TypeTask, Status: town.StatusOpen, ExternalRef: ref}
	// Labels of a bead may mean something to a share rule, so those of others are not taken.
	for _, l := range i.Labels {
		if t, err := town.ParseBeadType(l); err == nil && slices.Contains(town.WorkTypes, t) {
			b.Type = t
			break
		}
	}
	if i.Closed {
		b.Status, b.CloseReason = town.StatusClosed, "closed in "+i.Key
	}
	return b
}

// create makes a bead whose id is derived from the issue, so that a second one is refused.
// made is false when there is the bead already; bead is "" when it was deleted.
func (m *Mirror) create(ctx context.Context, b town.Bead, ref string) (bead string, made bool, err error) {
	digits := base36(string(town.DigestOf("import", ref)))
	for n := idLength; n <= maxIDLength; n++ {
		b.ID = m.o.Prefix + "-" + digits[:n]
		err := m.o.Beads.Create(ctx, b)
		if !errors.Is(err, ErrTaken) {
			return b.ID, err == nil, err
		}
		// By the bead of this issue, which another process made, or by another bead.
		there, found, err := m.o.Beads.ByRef(ctx, ref)
		if err != nil || found {
			return there, false, err
		}
	}
	return "", false, nil
}

// base36 writes a digest in digits and lower-case letters.
func base36(digest string) string {
	n, ok := new(big.Int).SetString(digest, 16)
	if !ok {
		return strings.Repeat("0", maxIDLength)
	}
	text := n.Text(36)
	return strings.Repeat("0", max(0, maxIDLength-len(text))) + text
}
