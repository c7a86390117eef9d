package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gastown/planes/doltdb"
	"gastown/town"
)

// Past is one text a document has or had.
type Past struct {
	town.Edit
	// Content is the digest of the text: KIND/NAME@CONTENT names it.
	Content town.Digest
	// InForce: this is what the document is now.
	InForce bool
	// Source is "in force", "archived", "issue", "removal" (an issue that took
	// the document away and has no text), "proposed" or, once somebody has
	// decided about a proposal or it is in force, "settled".
	Source string
}

// History lists every text of a document that the plane holds: in force first,
// then issues (newest first), proposals and archived texts.
func (s *Store) History(ctx context.Context, key town.Key) (past []Past, err error) {
	err = s.db.View(ctx, func(tx *doltdb.Tx) error {
		rows, err := editsByName(ctx, tx, key.Kind, "", []string{key.Name})
		if err != nil {
			return err
		}
		list := plain(rows[key.Name])
		slices.Reverse(list)
		for i, e := range list {
			p := Past{Edit: e, Content: e.Content(), InForce: i == 0 && !e.Deleted, Source: "issue"}
			switch {
			case p.InForce:
				p.Source = "in force"
			case e.Deleted:
				p.Source = "removal"
			}
			past = append(past, p)
		}
		decided, err := decisions(ctx, tx, key)
		if err != nil {
			return err
		}
		err = tx.Each(ctx, func(r *doltdb.Rows) error {
			p, id, err := scanProposal(r)
			if err == nil && !p.Delete {
				source := "proposed"
				if decided[id] || settled(p, rows[key.Name]) {
					source = "settled"
				}
				e := town.Edit{Key: p.Key, Text: p.Text, Version: "proposal " + id.Short(), Revision: p.Revision, Town: p.Town, Author: p.Author}
				past = append(past, Past{Edit: e, Content: e.Content(), Source: source})
			}
			return err
		}, "SELECT "+proposalColumns+" FROM proposals WHERE kind = ? AND name = ? ORDER BY id", string(key.Kind), key.Name)
		if err != nil {
			return err
		}
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			p := Past{Edit: town.Edit{Key: key}, Source: "archived"}
			err := r.Scan(&p.Content, &p.Version, &p.Text)
			past = append(past, p)
			return err
		}, "SELECT digest, version, text FROM archive WHERE kind = ? AND name = ? ORDER BY version DESC, digest", string(key.Kind), key.Name)
	})
	return past, err
}

// decisions are the proposals for a document that were decided.
func decisions(ctx context.Context, tx *doltdb.Tx, key town.Key) (map[town.Digest]bool, error) {
	decided := map[town.Digest]bool{}
	err := tx.Each(ctx, func(r *doltdb.Rows) error {
		var id town.Digest
		err := r.Scan(&id)
		decided[id] = true
		return err
	}, "SELECT p.id FROM proposals p JOIN resolutions r ON r.proposal = p.id WHERE p.kind = ? AND p.name = ?", string(key.Kind), key.Name)
	return decided, err
}

// Find gives one text of a document: the one in force when version is "", else the
// one with that version or issue number or, where there is none, the one whose
// digest begins with it (at least four characters). It is town.ErrUsage when
// several texts match, or only an issue that has no text.
func (s *Store) Find(ctx context.Context, key town.Key, version string) (Past, error) {
	past, err := s.History(ctx, key)
	if err != nil {
		return Past{}, err
	}
	op := "find " + key.String()
	if version != "" {
		op += "@" + town.Clip(version, 80)
	}
	if len(past) == 0 {
		return Past{}, town.Fail(op, "gt federation status lists what changed; ls federation/ what there is", "%w: there is no such document", town.ErrUsage)
	}
	all := "gt federation show " + key.String() + " --history lists its versions"
	found := named(past, version)
	texts := slices.DeleteFunc(slices.Clone(found), func(p Past) bool { return p.Source == "removal" })
	switch {
	case len(found) == 0:
		return Past{}, town.Fail(op, all, "%w: no such version", town.ErrUsage)
	case len(texts) == 0:
		return Past{}, town.Fail(op, all, "%w: that issue removed the template and has no text", town.ErrUsage)
	}
	var others []string
	for _, p := range texts {
		if name := p.Content.Short(); !slices.Contains(others, name) {
			others = append(others, name)
		}
	}
	if len(others) > 1 {
		return Past{}, town.Fail(op, "name one by its digest: "+key.String()+"@"+others[0], "%w: %d texts have that name: %s",
			town.ErrUsage, len(others), strings.Join(others, ", "))
	}
	return texts[0], nil
}

// named are the texts that version names.
func named(past []Past, version string) (found []Past) {
	pick := func(is func(Past) bool) []Past {
		return slices.DeleteFunc(slices.Clone(past), func(p Past) bool { return !is(p) })
	}
	if version == "" {
		return pick(func(p Past) bool { return p.InForce })
	}
	found = pick(func(p Past) bool { return p.Version == version })
	if len(found) == 0 && len(version) >= 4 {
		found = pick(func(p Past) bool { return p.Source != "removal" && strings.HasPrefix(string(p.Content), version) })
	}
	return found
}

// ErrSame reports a restore of the text that is in force already.
var ErrSame = errors.New("that text is in force already")

// Restore puts a text of the past in force again, as a new edit on top.
func (s *Store) Restore(ctx context.Context, p Past) (Recorded, error) {
	states, err := s.Current(ctx, []town.Key{p.Key})
	if err != nil {
		return Recorded{}, err
	}
	now := states[p.Key]
	if !now.Absent && now.Text == p.Text {
		return Recorded{}, fmt.Errorf("restore %s: %w", p.Key, ErrSame)
	}
	edit := FileEdit{Key: p.Key, Text: p.Text, Version: p.Version, Base: now.Digest}
	return s.Record(ctx, "restore "+p.Key.String()+"@"+p.Content.Short(), []FileEdit{edit})
}
