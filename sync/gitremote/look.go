package gitremote

import "context"

// Found is what a repository holds, without its content.
type Found struct {
	// NoBranches: the repository has no branch at all; see FetchResult.
	NoBranches bool
	// ids are the commits of the refs that were asked for and exist.
	ids map[string]string
}

// Spaces are those in which the repository holds a federation.
func (f Found) Spaces() (all []Space) {
	for _, s := range Spaces {
		if f.ids[s.Data()] != "" {
			all = append(all, s)
		}
	}
	return all
}

// Look asks the repository in which spaces it holds a federation. It makes one
// connection and changes nothing.
func (m *Mirror) Look(ctx context.Context) (Found, error) {
	refs := []string{m.opts.Ref}
	for _, s := range Spaces {
		if s.Data() != m.opts.Ref {
			refs = append(refs, s.Data())
		}
	}
	l, err := m.repo.LsRemote(ctx, m.opts.URL, refs...)
	return Found{NoBranches: len(l.Heads) == 0, ids: l.IDs}, err
}
