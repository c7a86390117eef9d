package gitremote

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/durable"
)

// maxPast is how many commits of a ref's history Hold lists.
const maxPast = 200

// Publication is one commit of a ref's history, for people.
type Publication struct {
	ID string
	// Subject is the first line of its message, without control characters. It says
	// which Town published it, if gt did.
	Subject string
}

// Held is what a ref names at the remote although it is not accepted. It is for a
// repair, and valid until Release.
type Held struct {
	m *Mirror
	// ID is the commit that the ref names.
	ID string
	// Past is ID and the commits before it, newest first, as far as they can be read.
	Past []Publication
}

// Hold fetches the ref without accepting what it names. The mirror, Head and state
// stay as they are.
func (m *Mirror) Hold(ctx context.Context) (*Held, error) {
	got, err := m.repo.Fetch(ctx, gitcmd.FetchSpec{URL: m.opts.URL, Ref: m.opts.Ref, Into: m.refs.incoming})
	if err != nil {
		return nil, m.refuse(kinds(err, ErrCorrupt))
	}
	if got.Missing {
		return nil, town.Fail("examine "+m.opts.Ref+" of "+gitcmd.Redact(m.opts.URL), "check the address", "%w", ErrGone)
	}
	h := &Held{m: m, ID: got.ID}
	objects := m.repo.Objects(ctx)
	defer func() { _ = objects.Close() }() // a commit that cannot be read ends the list
	for id := got.ID; len(h.Past) < maxPast; {
		c, err := objects.Commit(id)
		if err != nil {
			break
		}
		subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
		h.Past = append(h.Past, Publication{ID: id, Subject: town.Clip(strings.Map(visible, strings.ToValidUTF8(subject, "?")), 120)})
		if len(c.Parents) == 0 {
			break
		}
		id = c.Parents[0]
	}
	return h, ctx.Err()
}

// visible drops control characters and marks that change the direction of writing.
func visible(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
		return -1
	}
	return r
}

// Try gives the mirror the content of a commit, after the checks of a fetch. Reset
// undoes it.
func (h *Held) Try(ctx context.Context, commit string) error {
	before := h.m.state
	_, err := h.m.materialise(ctx, commit)
	if err != nil {
		h.m.state = before
		return h.m.refuse(err)
	}
	return nil
}

// Replace makes the next Publish put the mirror's content in the place of ID, as a
// commit without parent where the server allows that.
func (h *Held) Replace() {
	m := h.m
	m.head = h.ID
	m.state.Head, m.state.Manifest, m.state.Attempt = h.ID, "", ""
	m.state.History = history{Commits: m.opts.SquashCommits}
}

// Release lets go of what is held. The objects stay in the cache for a while.
func (h *Held) Release() error { return h.m.repo.DeleteRef(h.m.refs.incoming) }

// CopyTo copies what the ref names at the remote, as last fetched or held, into a bare
// repository at dir, which is made if need be. The stock dolt command can read it.
func (m *Mirror) CopyTo(ctx context.Context, dir string) error {
	from := m.refs.incoming
	if id, err := m.repo.Ref(from); err != nil {
		return err
	} else if id == "" {
		from = m.refs.tracking
	}
	opts := m.opts.git()
	opts.Inherit = nil
	to, err := gitcmd.Init(dir, opts)
	if err != nil {
		return err
	}
	source, err := filepath.EvalSymlinks(m.repo.Dir)
	if err != nil {
		return err
	}
	got, err := to.Fetch(ctx, gitcmd.FetchSpec{URL: source, Ref: from, Into: m.opts.Ref})
	if err == nil && got.Missing {
		err = errors.New("there is nothing to copy")
	}
	if err != nil {
		return town.Fail("copy what is at the remote into "+dir, "free some space, then run it again", "%w", diskErr(err))
	}
	// The stock command reads no repository without a branch.
	if err := to.SetRef("refs/heads/retired", got.ID); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}
