package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gastown/town"
)

// The settings that add statuses and types, as lists separated by commas. A word may
// be followed by a colon and a category, which has no meaning here.
const (
	CustomStatuses = "status.custom"
	CustomTypes    = "types.custom"
)

// checkWords refuses custom statuses and types that are no words.
func (s Setting) checkWords() error {
	switch s.Name {
	case CustomStatuses:
		for _, w := range customWords(s.Value) {
			if _, err := town.StatusWord(w); err != nil {
				return err
			}
		}
	case CustomTypes:
		for _, w := range customWords(s.Value) {
			if _, err := town.TypeWord(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// customWords splits the value of such a setting.
func customWords(value string) (words []string) {
	for w := range strings.SplitSeq(value, ",") {
		w, _, _ = strings.Cut(w, ":")
		if w = strings.ToLower(strings.TrimSpace(w)); w != "" {
			words = append(words, w)
		}
	}
	return words
}

// Words are the statuses and types of a ledger: the usual ones, then its custom ones,
// then the strays.
type Words struct {
	Statuses []town.Status
	Types    []town.BeadType
	// Strays are the statuses that beads have although no setting names them: a merge
	// or another program brought them. At most maxStrays are read.
	Strays []town.Status
}

// usualWords are the words of a ledger without custom ones.
func usualWords() Words {
	return Words{Statuses: slices.Clone(town.Statuses), Types: slices.Clone(town.BeadTypes)}
}

// Status is town.ParseStatus that also knows custom statuses.
func (w Words) Status(s string) (town.Status, error) { return town.ParseWord("status", s, w.Statuses) }

// Type is town.ParseBeadType that also knows custom types.
func (w Words) Type(s string) (town.BeadType, error) {
	if t, err := town.ParseBeadType(s); err == nil {
		return t, nil
	}
	return town.ParseWord("type", s, w.Types)
}

// wordsCache holds the words of a state of the ledger.
type wordsCache struct {
	mu    sync.Mutex
	state string
	words Words
}

// Words returns the statuses and types that beads of this ledger may have, and the
// statuses that they have. It reads them when the ledger changed since they were read;
// those queries are not among Queries.
func (s *Store) Words(ctx context.Context) (Words, error) {
	state, settled, err := s.state(ctx)
	if err != nil {
		return Words{}, err
	}
	s.words.mu.Lock()
	defer s.words.mu.Unlock()
	if settled && state == s.words.state {
		return s.words.words, nil
	}
	var words Words
	uncounted := &Store{db: s.db, session: s.session}
	err = uncounted.read(ctx, func(q txn) error {
		if words, err = q.words(ctx); err != nil {
			return err
		}
		words.Strays, err = q.strays(ctx, words.Statuses)
		words.Statuses = append(words.Statuses, words.Strays...)
		return err
	})
	if err == nil && settled {
		s.words.state, s.words.words = state, words
	}
	return words, err
}

// words reads the words that the settings name, in a transaction.
func (q txn) words(ctx context.Context) (Words, error) {
	words := usualWords()
	for _, name := range []string{CustomStatuses, CustomTypes} {
		value, _, err := q.setting(ctx, name)
		if err != nil {
			return Words{}, err
		}
		for _, w := range customWords(value) {
			switch {
			case name == CustomStatuses && !slices.Contains(words.Statuses, town.Status(w)):
				words.Statuses = append(words.Statuses, town.Status(w))
			case name == CustomTypes && !slices.Contains(words.Types, town.BeadType(w)):
				words.Types = append(words.Types, town.BeadType(w))
			}
		}
	}
	return words, nil
}

// errWord reports a status or type that the ledger does not have.
func errWord(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w (your own are settings: bd config set %s LIST, bd config set %s LIST)", err, CustomStatuses, CustomTypes)
}

// strange reports whether a filter names statuses or types that are not the usual ones.
func (f Filter) strange() bool {
	return slices.ContainsFunc(slices.Concat(f.Statuses, f.Not), func(s town.Status) bool { return !slices.Contains(town.Statuses, s) }) ||
		slices.ContainsFunc(slices.Concat(f.Types, f.NotTypes), func(t town.BeadType) bool { return !slices.Contains(town.BeadTypes, t) })
}

// known completes a filter that is to use idx_urgency. Where beads have more strays
// than are read, the filter stays as it is: a list of statuses might miss some.
func (s *Store) known(ctx context.Context, f Filter) (Filter, error) {
	if len(f.Statuses) > 0 || !f.Cacheable() {
		return f, nil
	}
	words, err := s.Words(ctx)
	if len(words.Strays) < maxStrays {
		f.every = words.Statuses
	}
	return f, err
}

// CheckWords refuses a filter with statuses or types that the ledger does not know and no
// bead has. The methods that read do not: they select what is there.
func (s *Store) CheckWords(ctx context.Context, f Filter) error {
	var errs []error
	for _, part := range slices.Concat(f.All, f.Any, f.None) {
		errs = append(errs, s.CheckWords(ctx, part))
	}
	if !f.strange() {
		return errors.Join(errs...)
	}
	words, err := s.Words(ctx)
	if err != nil {
		return err
	}
	for _, status := range slices.Concat(f.Statuses, f.Not) {
		_, err := words.Status(string(status))
		errs = append(errs, errWord(err))
	}
	for _, kind := range slices.Concat(f.Types, f.NotTypes) {
		_, bad := words.Type(string(kind))
		if bad == nil {
			continue
		}
		found, err := s.hasType(ctx, kind)
		if err != nil {
			return err
		}
		if !found {
			errs = append(errs, errWord(bad))
		}
	}
	return errors.Join(errs...)
}

// wordCheck refuses statuses and types that the ledger does not know. It reads the
// settings when the first one comes that is not usual.
type wordCheck struct {
	words *Words
}

// checkPatch is check for what a patch sets.
func (w *wordCheck) checkPatch(ctx context.Context, q txn, p Patch) (fault, err error) {
	var status town.Status
	var kind town.BeadType
	set(&status, p.Status)
	set(&kind, p.Type)
	return w.check(ctx, q, status, kind)
}

// check returns the error for the status and type that a bead is given; empty ones are
// not looked at.
func (w *wordCheck) check(ctx context.Context, q txn, status town.Status, kind town.BeadType) (fault, err error) {
	oddStatus := status != "" && !slices.Contains(town.Statuses, status)
	oddKind := kind != "" && !slices.Contains(town.BeadTypes, kind)
	if !oddStatus && !oddKind {
		return nil, nil
	}
	if w.words == nil {
		words, err := q.words(ctx)
		if err != nil {
			return nil, err
		}
		w.words = &words
	}
	if oddStatus {
		_, fault = w.words.Status(string(status))
	}
	if oddKind {
		_, bad := w.words.Type(string(kind))
		fault = errors.Join(fault, bad)
	}
	return errWord(fault), nil
}
