package federate

import (
	"context"
	"errors"

	"gastown/planes/federation"
	"gastown/sync/gitremote"
	"gastown/town"
)

// Preview is what is about to leave the Town, shown before anything does.
type Preview struct {
	// Remote is where it would go. Its Space may be another one than the caller
	// gave; then Why says what the reason is, unless the repository has it there.
	Remote Remote
	Why    string
	// Address is where the remote is: git's configuration may replace the URL by
	// another address.
	Address string
	// Documents will be readable by everyone who can read the repository. In a join
	// they are those of ours that the federation lacks or has with another text.
	Documents []town.Key
	// Former counts, by document, texts that leave although they are not in force:
	// superseded, removed or proposed ones. Everyone who can read the repository can
	// show and restore them.
	Former map[town.Key]int
	// Member is the Town's entry in the registry.
	Member federation.Member
	// Commits is how many commits leave, and Authors the names and addresses
	// recorded in them.
	Commits int
	Authors []string
	// Notes say what a merge would do with documents that both sides have.
	Notes []string
	// Store is the federation's identity; Arrives counts the documents that a
	// join brings.
	Store   string
	Arrives int
}

// Confirm asks a person before anything leaves, and again when documents were
// recorded meanwhile. Its error ends the call with nothing sent.
type Confirm func(Preview) error

// Init publishes the Town's federation in a repository that holds none yet, and
// makes that repository a remote of the Town.
func (e *Engine) Init(ctx context.Context, remote Remote, confirm Confirm) (out Pushed, err error) {
	s, err := e.lockRemote(ctx, remote)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.release()) }()
	out.Remote = remote.Name
	op := "publish the federation at " + remote.Name
	if err := s.firstContact(ctx); err != nil {
		return out, e.advise(op, remote, err)
	}
	if err := s.findSpace(ctx); err != nil {
		return out, e.advise(op, remote, err)
	}
	err = s.publishFirst(ctx, confirm, &out)
	if s.onlyBranches(err) {
		out = Pushed{Remote: remote.Name}
		if berr := s.useBranches(ctx, err); berr != nil {
			return out, e.advise(op, remote, berr)
		}
		err = s.publishFirst(ctx, confirm, &out)
	}
	return out, e.advise(op, remote, s.withRefused(err))
}

// publishFirst publishes the federation in a repository that holds none, once a
// person has agreed.
func (s *session) publishFirst(ctx context.Context, confirm Confirm, out *Pushed) error {
	fetched, err := s.lookEmpty(ctx)
	opts := gitremote.PublishOptions{CreateInfoBranch: fetched.NoBranches}
	if errors.Is(err, gitremote.ErrGone) {
		// The repository was made again: publish there what the Town has.
		opts.Recreate, err = true, nil
	}
	if err != nil {
		return err
	}
	op := "publish the federation at " + s.remote.Name
	if !fetched.Empty && !opts.Recreate && !fetched.PublishedEarlier {
		return town.Fail(op, "gt federation join "+s.remote.URL, "%w: the repository holds a federation already", town.ErrRefused)
	}
	if len(fetched.Elsewhere) > 0 && s.opts.FindRefs {
		return town.Fail(op, "gt federation join "+s.remote.URL+" "+refsOption(fetched.Elsewhere[0]),
			"%w: the repository holds a federation already, at %s", town.ErrRefused, fetched.Elsewhere[0].Data())
	}
	return s.agree(ctx, confirm, out, func(agreed string) error {
		if out.Pulled != nil {
			opts = gitremote.PublishOptions{} // another Town has published there by now
		}
		if err := s.push(ctx, pushOptions{publish: opts, agreed: agreed}, out); err != nil {
			return err
		}
		return s.stillThere(ctx)
	})
}

// lookEmpty is a fetch from a repository that should hold no federation. It makes
// no connection where findSpace has just seen that there is none.
func (s *session) lookEmpty(ctx context.Context) (gitremote.FetchResult, error) {
	if s.empty != nil && s.mirror.Head() == "" {
		return gitremote.FetchResult{Empty: true, NoBranches: s.empty.NoBranches}, nil
	}
	return s.askPatiently(ctx)
}

// agree shows a person what would leave and has it sent. agreed is the plane's
// commit that was shown. If documents are recorded between the two, the person is
// asked again, so that nothing leaves unseen.
func (s *session) agree(ctx context.Context, confirm Confirm, out *Pushed, send func(agreed string) error) error {
	for range maxPreviews {
		preview, head, err := s.previewInit(ctx)
		if err != nil {
			return err
		}
		if err := confirm(preview); err != nil {
			return err
		}
		if err = send(head); err == nil {
			return nil
		}
		if !errors.Is(err, errUnseen) {
			s.noteFailure(err, &s.state.Push)
			return err
		}
		out.Attempts = 0
	}
	return town.Fail("publish at "+s.remote.Name, "run it again when nobody edits the Town's documents",
		"%w: they were edited %d times while it was being confirmed", town.ErrBusy, maxPreviews)
}

// firstContact opens the mirror of a remote that a person is about to agree to,
// at the address that will be shown.
func (s *session) firstContact(ctx context.Context) (err error) {
	if err := s.load(); err != nil {
		return err
	}
	if err := s.openMirror(ctx); err != nil {
		return err
	}
	s.address, err = s.mirror.Locate(ctx)
	return err
}

// previewInit records edits, so that the preview shows exactly what would leave: the
// plane's commit head, and the Town's entry in the registry.
func (s *session) previewInit(ctx context.Context) (p Preview, head string, err error) {
	// commit would wait for this session's own lock to do this.
	if err := s.with(ctx, func(w *workspace) error {
		return undisturbed(func() error { return s.catchUp(ctx, w) })
	}); err != nil {
		return p, "", err
	}
	if _, err := s.commit(ctx, "", true); err != nil {
		return p, "", err
	}
	p.Remote, p.Why, p.Address = s.remote, s.why, s.address
	p.Member = federation.Member{ID: s.opts.ID, Name: s.opts.Name, Revision: 1}
	p.Store, _ = s.opts.Stores.Federation()
	err = s.Read(ctx, func(plane *federation.Store) error {
		var err error
		if head, err = plane.Head(ctx); err != nil {
			return err
		}
		published, err := plane.Known(ctx, s.state.Commit)
		if err != nil {
			return err
		}
		if err := s.searchUnpublished(ctx, plane, published); err != nil {
			return err
		}
		s.searched = head
		if p.Documents, err = plane.Documents(ctx); err != nil {
			return err
		}
		if p.Former, err = plane.Former(ctx); err != nil {
			return err
		}
		if p.Commits, p.Authors, err = plane.Committers(ctx); err != nil {
			return err
		}
		self, err := plane.Self(ctx)
		if self.Name != s.opts.Name || self.Instance != s.self.Instance || self.Left {
			p.Commits++ // the one that enters the Town in the registry
		}
		return err
	})
	return p, head, err
}
