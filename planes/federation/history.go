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
	// Content addresses the text: KIND/NAME@CONTENT names it.
	Content town.Digest
	// InForce: this is what the document is now.
	InForce bool
	// Source is "in force", "archived", "issue" or "proposed".
	Source string
}

// History lists every text of a document that the plane holds: in force first,
// then issues (newest first), proposals and archived texts.
func (s *Store) History(ctx context.Context, key town.Key) (past []Past, err error) {
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		rows, err := editsByName(ctx, tx, key.Kind, "", []string{key.Name})
		if err != nil {
			return err
		}
		list := plain(rows[key.Name])
		slices.Reverse(list)
		for i, e := range list {
			p := Past{Edit: e, Content: e.Content(), InForce: i == 0 && !e.Deleted, Source: "issue"}
			if p.InForce {
				p.Source = "in force"
			}
			past = append(past, p)
		}
		err = tx.Each(ctx, func(r *doltdb.Rows) error {
			p, id, err := scanProposal(r)
			if err == nil && !p.Delete {
				e := town.Edit{Key: p.Key, Text: p.Text, Version: "proposal " + id.Short(), Revision: p.Revision, Town: p.Town, Author: p.Author}
				past = append(past, Past{Edit: e, Content: e.Content(), Source: "proposed"})
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

// Find gives one text of a document: what is in force when version is "",
// else the one whose version, issue number or digest (at least four
// characters) it is.
func (s *Store) Find(ctx context.Context, key town.Key, version string) (Past, error) {
	past, err := s.History(ctx, key)
	if err != nil {
		return Past{}, err
	}
	op := "find " + key.String()
	for _, p := range past {
		if (version == "" && p.InForce) || (version != "" && (p.Version == version || (len(version) >= 4 && strings.HasPrefix(string(p.Content), version)))) {
			return p, nil
		}
	}
	if version != "" {
		op += "@" + town.Clip(version, 80)
	}
	if len(past) == 0 {
		return Past{}, town.Fail(op, "gt federation status lists what changed; ls federation/ what there is", "%w: there is no such document", town.ErrUsage)
	}
	return Past{}, town.Fail(op, "gt federation show "+key.String()+" --history lists its versions", "%w: no such version", town.ErrUsage)
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
