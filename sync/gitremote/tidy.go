package gitremote

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Prune removes table files that neither the mirror's manifest nor the remote
// names, and drops from the object cache what the last state does not reach. It is
// called on a remote's first mirror. No Dolt handle on Dir may be open. It costs as
// much as copying the cache.
func (m *Mirror) Prune(ctx context.Context) error {
	if m.head != "" && !m.fresh() {
		if _, err := m.describe(ctx, m.head); err != nil {
			return m.refuse(err)
		}
	}
	if err := m.pruneTables(0); err != nil || m.head == "" || m.lead != nil {
		return err
	}
	return m.repo.Prune(ctx)
}

// Tidy removes table files that nothing names, once there are many: Dolt writes
// small ones with every push and sometimes joins them into one. It starts no
// process. No Dolt handle on Dir may be open.
func (m *Mirror) Tidy() error {
	if m.head == "" || !m.fresh() {
		return nil
	}
	return m.pruneTables(tidyTables)
}

// pruneTables removes the table files that neither the manifest nor the last state
// names, if there are more than some.
func (m *Mirror) pruneTables(some int) error {
	manifest, err := m.localManifest()
	if err != nil {
		return err
	}
	names, err := parseManifest(manifest)
	if len(manifest) > 0 && err != nil {
		return fmt.Errorf("prune %s: %w", m.Dir(), err)
	}
	keep := map[string]bool{}
	for _, name := range names {
		keep[name], keep[name+archiveSuffix] = true, true
	}
	for _, t := range m.state.Tables {
		keep[t.File] = true
	}
	entries, err := os.ReadDir(m.Dir())
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !tableFile(e.Name()) || keep[e.Name()] })
	if len(entries) <= some {
		return nil
	}
	for _, e := range entries {
		if err := os.Remove(filepath.Join(m.Dir(), e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// tidyTables is up to how many unnamed table files Tidy leaves.
const tidyTables = 64

const (
	// maxPacks is how many packs the object cache may have before small ones are
	// merged. slackFactor is how many times the size of the remote's content the
	// cache may have before it is rewritten.
	maxPacks    = 50
	slackFactor = 4
)

// tidy keeps the object cache small and fast. Usually it does nothing, and its
// failure does no harm.
func (m *Mirror) tidy(ctx context.Context) {
	if m.lead != nil {
		return // the first mirror has the cache
	}
	held := m.state.live() + m.state.History.Dead
	if b := m.beside; b != nil {
		held += b.state.live() + b.state.History.Dead
	}
	u, err := m.repo.Usage()
	if err == nil {
		switch {
		case u.Bytes > slackFactor*max(held, m.opts.SquashBytes):
			err = m.repo.Prune(ctx)
		case u.Packs > maxPacks:
			err = m.repo.Consolidate(ctx)
		}
	}
	if err != nil {
		m.log.WithError(err).Warn("the object cache could not be tidied")
	}
}
