package policy

import (
	"maps"
	"slices"
	"strconv"

	"gastown/town"
)

// state is what one Town, or the remote, holds of the federation plane. Values
// are never changed in place.
type state struct {
	Rows      map[town.Key]town.Edit   // roles and formulas
	Issues    map[town.Key][]town.Edit // templates
	Archive   map[town.Digest]town.Edit
	Proposals map[town.Digest]town.Proposal
}

func (s state) clone() state {
	return state{maps.Clone(s.Rows), maps.Clone(s.Issues), maps.Clone(s.Archive), maps.Clone(s.Proposals)}
}

func emptyState() state {
	return state{map[town.Key]town.Edit{}, map[town.Key][]town.Edit{}, map[town.Digest]town.Edit{}, map[town.Digest]town.Proposal{}}
}

func (s state) row(k town.Key) *town.Edit {
	if e, ok := s.Rows[k]; ok {
		return &e
	}
	return nil
}

// current is the text in the file of k.
func (s state) current(k town.Key) (text string, ok bool) {
	if k.Kind == town.KindTemplate {
		list := s.Issues[k]
		if n := len(list); n > 0 && !list[n-1].Deleted {
			return list[n-1].Text, true
		}
		return "", false
	}
	e, ok := s.Rows[k]
	return e.Text, ok
}

func (s state) set(k town.Key, e *town.Edit) {
	if e == nil {
		delete(s.Rows, k)
		return
	}
	s.Rows[k] = *e
}

func (s state) apply(k town.Key, r Resolution) {
	s.set(k, r.InForce)
	for _, e := range r.Archive {
		s.Archive[e.Digest()] = e
	}
	for _, p := range r.Propose {
		s.Proposals[p.ID()] = p
	}
}

// written is a text somebody gave a document.
type written struct {
	key  town.Key
	text string
}

// texts is every text that can be restored.
func (s state) texts() map[written]bool {
	have := map[written]bool{}
	for k, e := range s.Rows {
		have[written{k, e.Text}] = true
	}
	for k, list := range s.Issues {
		for _, e := range list {
			have[written{k, e.Text}] = true
		}
	}
	for _, e := range s.Archive {
		have[written{e.Key, e.Text}] = true
	}
	for _, p := range s.Proposals {
		have[written{p.Key, p.Text}] = true
		have[written{p.Key, p.Base}] = true
	}
	return have
}

// mergeStates does what a pull does: it takes rows that one side left alone from
// the other side, and has the policy decide the rest.
func mergeStates(base, ours, theirs state) (state, error) {
	m := ours.clone()
	keys := map[town.Key]bool{}
	for _, s := range []state{base, ours, theirs} {
		for k := range s.Rows {
			keys[k] = true
		}
		for k := range s.Issues {
			keys[k] = true
		}
	}
	for k := range keys {
		if k.Kind == town.KindTemplate {
			merged, _ := Templates(base.Issues[k], ours.Issues[k], theirs.Issues[k])
			m.Issues[k] = merged
			continue
		}
		b, o, t := base.row(k), ours.row(k), theirs.row(k)
		switch {
		case same(o, t), same(t, b):
		case same(o, b):
			m.set(k, t)
		default:
			r, err := Resolve(Conflict{k, b, o, t})
			if err != nil {
				return m, err
			}
			m.apply(k, r)
		}
	}
	maps.Copy(m.Archive, theirs.Archive)
	for id, p := range theirs.Proposals {
		if _, known := base.Proposals[id]; !known {
			m.Proposals[id] = p
		}
	}
	for id := range base.Proposals {
		if _, open := theirs.Proposals[id]; !open {
			delete(m.Proposals, id)
		}
	}
	return m, nil
}

// draft is an edited file, with the text it was made from.
type draft struct {
	row    *town.Edit
	issues []town.Edit
}

// modelTown is one Town: what it holds, and the last state it shared with the
// remote.
type modelTown struct {
	id     town.ID
	local  state
	synced state
	clock  uint64
	drafts map[town.Key]draft
}

func newTown(id string) *modelTown {
	return &modelTown{id: town.ID(id), local: emptyState(), synced: emptyState(), drafts: map[town.Key]draft{}}
}

func (w *modelTown) open(k town.Key) {
	w.drafts[k] = draft{w.local.row(k), slices.Clone(w.local.Issues[k])}
}

// save records a draft: a text, or a deletion. It returns the row that its writer
// saw and replaced, if there was one.
func (w *modelTown) save(k town.Key, text, version string, deleted bool) (letGo *town.Edit, err error) {
	d, opened := w.drafts[k]
	if !opened {
		w.open(k)
		d = w.drafts[k]
	}
	delete(w.drafts, k)
	w.clock++
	e := town.Edit{Key: k, Text: text, Version: version, Revision: w.clock, Town: w.id, Author: "ann", Deleted: deleted}
	if k.Kind == town.KindTemplate {
		e.Version = strconv.Itoa(len(d.issues) + 1)
		w.local.Issues[k], _ = Templates(d.issues, append(slices.Clone(d.issues), e), w.local.Issues[k])
		return nil, nil
	}
	mine := &e
	if deleted {
		mine = nil
	}
	if now := w.local.row(k); !same(d.row, now) {
		r, err := Resolve(Conflict{k, d.row, mine, now})
		if err != nil {
			return nil, err
		}
		w.local.apply(k, r)
		return d.row, nil
	}
	w.local.set(k, mine)
	return d.row, nil
}

// review accepts an open proposal or declines it, and archives the text that loses.
func (w *modelTown) review(id town.Digest, accept bool) {
	p := w.local.Proposals[id]
	delete(w.local.Proposals, id)
	w.clock++
	e := town.Edit{Key: p.Key, Text: p.Text, Revision: w.clock, Town: w.id, Author: "bob"}
	base := town.Edit{Key: p.Key, Text: p.Base, Revision: p.Revision, Town: p.Town, Author: p.Author}
	lost := &e
	if accept {
		lost = w.local.row(p.Key)
		if w.local.set(p.Key, &e); p.Delete {
			w.local.set(p.Key, nil)
		}
	}
	for _, e := range []*town.Edit{lost, &base} {
		if e != nil {
			w.local.Archive[e.Digest()] = *e
		}
	}
}

// pull merges the remote into the Town.
func (w *modelTown) pull(remote state) error {
	m, err := mergeStates(w.synced, w.local, remote)
	if err != nil {
		return err
	}
	w.local, w.synced = m, remote.clone()
	for _, e := range m.Rows {
		w.clock = max(w.clock, e.Revision)
	}
	for _, list := range m.Issues {
		for _, e := range list {
			w.clock = max(w.clock, e.Revision)
		}
	}
	return nil
}
