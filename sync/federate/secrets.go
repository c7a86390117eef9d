package federate

import (
	"context"
	"fmt"
	"strings"

	"gastown/planes/federation"
	"gastown/sync/leaks"
	"gastown/town"
)

const (
	// maxLeaks is how many findings a search collects, and maxNamedLeaks how many
	// the message names.
	maxLeaks      = 100
	maxNamedLeaks = 5
)

// leak is something in a document that looks like a secret.
type leak struct {
	key town.Key
	leaks.Place
	// former: the text is not in force.
	former bool
}

// String says where a person finds it.
func (l leak) String() string {
	what := fmt.Sprintf("federation/%s line %d (%s)", l.key.Path(), l.Line, l.Rule)
	if l.former {
		return "a former text of " + what
	}
	return what
}

// leakSearch searches documents that are about to leave.
type leakSearch struct {
	scanner *leaks.Scanner
	found   []leak
	done    int64
}

// text searches one text.
func (s *leakSearch) text(key town.Key, text string, former bool) error {
	if s.scanner == nil {
		var err error
		if s.scanner, err = leaks.NewScanner(); err != nil {
			return err
		}
	}
	for _, p := range s.scanner.ScanDocument(text) {
		if len(s.found) < maxLeaks {
			s.found = append(s.found, leak{key, p, former})
		}
	}
	s.done++
	return nil
}

// forget drops what texts of a document have that are published already.
func (s *leakSearch) forget(published func(town.Key) ([]string, error)) error {
	marks := map[town.Key]map[leaks.Mark]bool{}
	var left []leak
	for _, l := range s.found {
		if marks[l.key] == nil {
			marks[l.key] = map[leaks.Mark]bool{}
			texts, err := published(l.key)
			if err != nil {
				return err
			}
			for _, text := range texts {
				for _, p := range s.scanner.ScanDocument(text) {
					marks[l.key][p.Mark] = true
				}
			}
		}
		if !marks[l.key][l.Mark] {
			left = append(left, l)
		}
	}
	s.found = left
	return nil
}

// refuse is the error for what was found; nil if nothing was. recorded says that the
// texts are part of the plane's history.
func (s *leakSearch) refuse(recorded bool) error {
	if len(s.found) == 0 {
		return nil
	}
	var named []string
	for i, l := range s.found {
		if i == maxNamedLeaks {
			named = append(named, fmt.Sprintf("and %d more", len(s.found)-i))
			break
		}
		named = append(named, l.String())
	}
	next := "take it out of the file; if it is no secret, publish it with --allow-secrets"
	if recorded {
		next = "it is recorded, so it would leave as part of the history; if it is no secret, publish it with --allow-secrets"
	}
	return town.Fail("publish the federation", next, "%w: nothing has left, because this looks like a secret: %s",
		errSecrets, strings.Join(named, ", "))
}

// errSecrets: documents that would leave have something that looks like a secret.
var errSecrets = fmt.Errorf("%w", town.ErrRefused)

// searchEdits searches edited files before they are recorded.
func (w *workspace) searchEdits(ctx context.Context, edits []federation.FileEdit) error {
	if !w.publishing || w.engine.opts.AllowSecrets {
		return nil
	}
	defer w.engine.step("search")()
	var s leakSearch
	for _, e := range edits {
		if e.Removed {
			continue
		}
		text := e.Text
		if e.Read != nil {
			var ok bool
			var err error
			if text, ok, err = e.Read(ctx); err != nil {
				return err
			} else if !ok {
				continue // it is left for the next call
			}
		}
		if err := s.text(e.Key, text, false); err != nil {
			return err
		}
		if s.done%100 == 0 {
			w.engine.progress("search for secrets", s.done, int64(len(edits)), "files")
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	err := s.forget(func(key town.Key) ([]string, error) {
		now, err := w.store.Current(ctx, []town.Key{key})
		return []string{now[key].Text}, err
	})
	if err != nil {
		return err
	}
	return s.refuse(false)
}

// searchUnpublished searches the texts that the plane has and the commit base, which
// is published or was searched, has not.
func (e *Engine) searchUnpublished(ctx context.Context, plane *federation.Store, base string) error {
	if e.opts.AllowSecrets {
		return nil
	}
	defer e.step("search")()
	var s leakSearch
	err := plane.Leaving(ctx, base, func(l federation.Leaving) error {
		if s.done%100 == 99 {
			e.progress("search for secrets", s.done, 0, "texts")
		}
		return s.text(l.Key, l.Text, l.Former)
	})
	if err == nil {
		err = s.forget(func(key town.Key) ([]string, error) { return plane.TextsAt(ctx, base, key) })
	}
	if err != nil {
		return err
	}
	return s.refuse(true)
}

// searchHoldings searches what a join would offer.
func (e *Engine) searchHoldings(h federation.Holdings, offered []town.Key) error {
	if e.opts.AllowSecrets {
		return nil
	}
	defer e.step("search")()
	var s leakSearch
	for _, key := range offered {
		rows := h.Rows[key]
		for i, r := range rows {
			if err := s.text(key, r.Text, i < len(rows)-1); err != nil {
				return err
			}
		}
	}
	for _, a := range h.Archive {
		if err := s.text(a.Key, a.Text, true); err != nil {
			return err
		}
	}
	for _, p := range h.Proposals {
		for _, text := range []string{p.Text, p.Base} {
			if err := s.text(p.Key, text, true); err != nil {
				return err
			}
		}
	}
	return s.refuse(true)
}
