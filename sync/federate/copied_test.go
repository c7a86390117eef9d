package federate

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// maxCopies bounds the directories that a history makes.
const maxCopies = 3

// copied makes a copy of a Town's directory. Both are used from now on; the original
// goes on as the Town until a person decides otherwise.
func (m *model) copied(mt *modelTown) {
	m.t.Helper()
	if m.copies == maxCopies {
		return
	}
	m.copies++
	dir := fmt.Sprint(mt.dir, ".copy", m.copies)
	m.replace(mt.dir, dir)
	c := &modelTown{testTown: mt.testTown.in(dir), shown: maps.Clone(mt.shown), pending: maps.Clone(mt.pending), only: maps.Clone(mt.only), silent: true}
	opts := c.opts
	opts.Progress = c.progress
	c.Engine = New(opts)
	m.towns = append(m.towns, c)
}

// doing is a call of the engine that a deed names.
func (mt *modelTown) doing(deed string, remote Remote) func(context.Context) error {
	return func(ctx context.Context) error { return mt.do(ctx, deed, remote) }
}

// twins are the directories with the identity of one, itself included.
func (m *model) twins(mt *modelTown) (all []*modelTown) {
	for _, other := range m.towns {
		if other.opts.ID == mt.opts.ID {
			all = append(all, other)
		}
	}
	return all
}

// goesOn has a person decide that a directory goes on as its Town.
func (m *model) goesOn(mt *modelTown) {
	m.t.Helper()
	out, err := mt.ContinueHere(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	if out.Other == "" {
		return // it knows of no other directory, and nothing has changed
	}
	for _, twin := range m.twins(mt) {
		twin.silent = twin != mt
	}
}

// becomesNew makes a silent directory a Town of its own.
func (m *model) becomesNew(mt *modelTown) {
	m.t.Helper()
	if !mt.silent {
		return
	}
	if err := mt.StartOver(m.t.Context(), []Remote{{Name: "origin", URL: m.url}}); err != nil {
		m.t.Fatal(err)
	}
	m.n++
	mt.named(fmt.Sprint(mt.opts.Name, "-", m.n))
	// Its former copy is that of another Town.
	mt.silent, mt.saved = false, nil
}

// decide ends every doubt whose directory is whose: silent ones are stopped once the
// one that goes on has published, and become Towns of their own.
func (m *model) decide() {
	m.t.Helper()
	remote := Remote{Name: "origin", URL: m.url}
	for _, mt := range slices.Clone(m.towns) {
		if !mt.silent {
			m.edit(mt, documents[0], m.text(documents[0], "")) // so that there is something to publish
			m.call(mt, "sync", true, mt.doing("sync", remote))
		}
	}
	for _, mt := range slices.Clone(m.towns) {
		if mt.silent {
			before := gitOut(m.t, m.url, "for-each-ref", dataRef)
			m.edit(mt, documents[0], m.text(documents[0], ""))
			was := m.silenced
			m.call(mt, "push", true, mt.doing("push", remote))
			m.call(mt, "sync", true, mt.doing("sync", remote))
			if after := gitOut(m.t, m.url, "for-each-ref", dataRef); after != before || m.silenced != was+2 {
				m.t.Errorf("%s in %s published beside the one that goes on: %s, then %s", mt, mt.dir, before, after)
			}
			m.call(mt, "pull", false, mt.doing("pull", remote))
			m.becomesNew(mt)
		}
	}
}
