package federate

import (
	"context"
	"errors"
	"fmt"

	"gastown/sync/gitcmd"
	"gastown/sync/gitremote"
	"gastown/town"
)

// errVanished: the server confirmed a ref, and a moment later it was not there.
var errVanished = errors.New("the server confirmed the push and does not have the ref")

// maxReason bounds, in bytes, how much of an error a preview shows.
const maxReason = 400

// findSpace looks in which space the repository holds a federation, and has the
// session use that one. A repository that holds none gets the usual space. It does
// not look when a person named the space, and when the Town has published at the
// remote or taken something from it: then the configuration knows.
func (s *session) findSpace(ctx context.Context) error {
	if !s.opts.FindRefs || s.state.Confirmed == s.remote.URL && s.mirror.Head() != "" {
		return nil
	}
	var found gitremote.Found
	err := s.patiently(ctx, func() (err error) {
		found, err = s.look(ctx)
		return err
	})
	if err != nil {
		return err
	}
	switch spaces := found.Spaces(); len(spaces) {
	case 0:
		s.empty = &found
		return s.use(ctx, gitremote.SpaceDolt)
	case 1:
		return s.use(ctx, spaces[0])
	}
	return town.Fail("choose the refs of "+s.remote.Name,
		"ask the other Towns which they use (gt federation remote list), then add --refs dolt or --refs branches",
		"%w: the repository holds a federation at %s and one at %s", town.ErrRefused, gitremote.SpaceDolt.Data(), gitremote.SpaceBranches.Data())
}

// look is gitremote.Mirror.Look. A person sees which server is awaited.
func (s *session) look(ctx context.Context) (gitremote.Found, error) {
	s.progress("wait for the server of "+s.remote.Name, 0, 0, "")
	return s.mirror.Look(ctx)
}

// use continues the session with the refs of a space.
func (s *session) use(ctx context.Context, space gitremote.Space) error {
	if s.remote.Space == space {
		return nil
	}
	s.remote.Space = space
	return s.openMirror(ctx)
}

// onlyBranches reports that a publication in the usual space failed because the
// host takes branches only, as far as its answer tells.
func (s *session) onlyBranches(err error) bool {
	return s.opts.FindRefs && s.remote.Space == gitremote.SpaceDolt &&
		(errors.Is(err, gitcmd.ErrForbidden) || errors.Is(err, errVanished))
}

// useBranches continues an init with branches, after the usual refs failed with
// reason. Nothing is there, so nothing of the remote is known any more.
func (s *session) useBranches(ctx context.Context, reason error) error {
	s.why = "the server does not take refs below " + gitremote.SpaceDolt.Prefix() + ": " + town.Clip(reason.Error(), maxReason)
	s.state.Head, s.state.Commit = "", ""
	s.empty = nil // the attempt may have created the explanatory branch
	if err := s.save(); err != nil {
		return err
	}
	return s.use(ctx, gitremote.SpaceBranches)
}

// stillThere checks that the refs that were just published are at the remote. Some
// hosts accept any ref, and drop what is not a branch.
func (s *session) stillThere(ctx context.Context) error {
	if !s.opts.FindRefs || s.remote.Space != gitremote.SpaceDolt {
		return nil
	}
	found, err := s.look(ctx)
	if err != nil || len(found.Spaces()) > 0 {
		return nil // the push itself was confirmed
	}
	return fmt.Errorf("%w: %s", errVanished, s.remote.Space.Data())
}

// forbidden adds what can be done where a rule of the server refuses a ref.
func (s *session) forbidden(err error) error {
	next := "ask the repository's administrator to let this Town push to the branches dolt/*, which may be protected"
	if s.remote.Space == gitremote.SpaceDolt {
		next = "ask the repository's administrator to allow pushes to refs/dolt/*, or use branches: gt federation init " +
			s.remote.URL + " --name " + s.remote.Name + " --refs branches"
	}
	return town.Fail("push to "+s.remote.Name, next, "%w", err)
}

// elsewhere is the error of a fetch that found the remote's ref missing, with the
// error err or none, and a federation in another space. It is nil if there is no
// such federation.
func (s *session) elsewhere(op string, got gitremote.FetchResult, err error) error {
	if len(got.Elsewhere) == 0 {
		return nil
	}
	kind := errNone
	if errors.Is(err, gitremote.ErrGone) {
		kind = gitremote.ErrGone
	}
	has := got.Elsewhere[0]
	return town.Fail(op, "gt federation join "+s.remote.URL+" --name "+s.remote.Name+" "+refsOption(has),
		"%w: %w: %s is missing, and there is a federation at %s", town.ErrRefused, kind, s.remote.Space.Data(), has.Data())
}

// refsOption is the option of init and join that names a space.
func refsOption(s gitremote.Space) string {
	if s == gitremote.SpaceBranches {
		return "--refs branches"
	}
	return "--refs dolt"
}
