package federate

import (
	"context"
	"errors"
	"slices"

	"gastown/planes/doltdb"
	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/town"
)

// Preview is what is about to leave the Town, shown before anything does.
type Preview struct {
	Remote Remote
	// Address is where that is: git's configuration may put another address in
	// the place of the URL.
	Address string
	// Documents will be readable by everyone who can read the repository; in a
	// join these are the ones of ours that the federation does not have as they
	// are.
	Documents []town.Key
	// Former counts texts that are not in force and leave all the same, by
	// document: superseded, removed or proposed ones. Everyone who can read the
	// repository can show and restore them.
	Former map[town.Key]int
	// Member is the Town's entry in the registry.
	Member federation.Member
	// Commits is how many commits leave, and Authors the names and addresses
	// recorded in them.
	Commits int
	Authors []string
	// Notes say what would become of documents that both sides have.
	Notes []string
	// Store is the federation's identity; Arrives counts the documents that a
	// join brings.
	Store   string
	Arrives int
}

// Confirm is asked once, before anything leaves. An error from it ends the call
// with nothing sent and nothing changed.
type Confirm func(Preview) error

// Init publishes the Town's federation in a repository that holds none yet, and
// makes that repository a remote of the Town.
func (e *Engine) Init(ctx context.Context, remote Remote, confirm Confirm) (out Pushed, err error) {
	l, err := e.lockRemote(ctx, remote)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	out.Remote = remote.Name
	op := "publish the federation at " + remote.Name
	m, err := e.firstContact(ctx, l)
	if err != nil {
		return out, e.advise(op, err)
	}
	fetched, err := m.Fetch(ctx)
	opts := gitremote.PublishOptions{CreateInfoBranch: fetched.NoBranches}
	if errors.Is(err, gitremote.ErrGone) {
		// The repository was made anew; publish there what the Town has.
		opts.Recreate, err = true, nil
	}
	if err != nil {
		return out, e.advise(op, err)
	}
	if !fetched.Empty && !opts.Recreate && !fetched.PublishedEarlier {
		return out, town.Fail(op, "gt federation join "+remote.URL, "%w: the repository holds a federation already", town.ErrRefused)
	}
	err = e.agree(ctx, l, confirm, &out, func() error {
		if out.Pulled != nil {
			opts = gitremote.PublishOptions{} // another Town has published there by now
		}
		return e.push(ctx, l, m, opts, &out)
	})
	return out, e.advise(op, l.ended(err))
}

// agree shows a person what would leave and has it sent. What is recorded
// between the two is not sent unseen: then it is shown again.
func (e *Engine) agree(ctx context.Context, l *remoteLock, confirm Confirm, out *Pushed, send func() error) error {
	defer func() { out.agreed = "" }()
	for range maxPreviews {
		preview, head, err := e.previewInit(ctx, l)
		if err != nil {
			return err
		}
		if err := confirm(preview); err != nil {
			return err
		}
		out.agreed = head
		if err = send(); err == nil {
			return nil
		}
		if !errors.Is(err, errUnseen) {
			e.noteFailure(l.remote.Name, err)
			return err
		}
		out.Attempts = 0
	}
	return town.Fail("publish at "+l.remote.Name, "run it again when nobody edits the Town's documents",
		"%w: they were edited %d times while it was being confirmed", town.ErrBusy, maxPreviews)
}

// confirm notes that a person agreed to exchange with this remote.
func (e *Engine) confirm(l *remoteLock) error {
	st, err := e.stateOf(l.remote)
	if err != nil {
		return err
	}
	st.Confirmed, st.Address = l.remote.URL, ""
	if l.address != l.remote.URL {
		st.Address = l.address
	}
	return e.saveState(l.remote.Name, st)
}

// firstContact opens the mirror of a remote that a person is about to agree to,
// at the address that will be shown.
func (e *Engine) firstContact(ctx context.Context, l *remoteLock) (m *gitremote.Mirror, err error) {
	if m, err = e.mirror(ctx, l); err == nil {
		l.address, err = m.Locate(ctx)
	}
	return m, err
}

// previewInit records edits, so that it shows exactly what would leave: the
// plane's commit head and the Town's entry in the registry.
func (e *Engine) previewInit(ctx context.Context, l *remoteLock) (p Preview, head string, err error) {
	if _, err := e.Commit(ctx, ""); err != nil {
		return p, "", err
	}
	p.Remote, p.Address = l.remote, l.address
	p.Member = federation.Member{ID: e.opts.ID, Name: e.opts.Name, Revision: 1}
	p.Store, _ = e.opts.Stores.Federation()
	err = e.Read(ctx, func(s *federation.Store) error {
		var err error
		if head, err = s.Head(ctx); err != nil {
			return err
		}
		if p.Documents, err = s.Documents(ctx); err != nil {
			return err
		}
		if p.Former, err = s.Former(ctx); err != nil {
			return err
		}
		if p.Commits, p.Authors, err = authors(ctx, s, ""); err != nil {
			return err
		}
		members, err := s.Towns(ctx)
		if !slices.ContainsFunc(members, func(m federation.Member) bool { return m.ID == e.opts.ID && m.Name == e.opts.Name }) {
			p.Commits++ // the one that enters the Town in the registry
		}
		return err
	})
	return p, head, err
}

// authors counts the commits after from and names who is recorded in them.
func authors(ctx context.Context, s *federation.Store, from string) (commits int, names []string, err error) {
	err = s.View(ctx, func(tx *doltdb.Tx) error {
		if commits, err = tx.Count(ctx, from, "HEAD"); err != nil {
			return err
		}
		return tx.Each(ctx, func(r *doltdb.Rows) error {
			var name, email string
			err := r.Scan(&name, &email)
			names = append(names, town.Actor{Name: name, Email: email}.String())
			return err
		}, "SELECT DISTINCT committer, email FROM dolt_log")
	})
	slices.Sort(names)
	return commits, names, err
}
