package federate

import (
	"time"

	"gastown/town"
)

// Attempts are how pulls from a remote went, or pushes to it. The last failure
// stays known after a success.
type Attempts struct {
	// Succeeded is when the last one that succeeded did, Failed when the last one
	// that failed did; zero for never.
	Succeeded time.Time `json:"succeeded,omitzero"`
	Failed    time.Time `json:"failed,omitzero"`
	// Error is why that one failed.
	Error string `json:"error,omitempty"`
	// Failing says that the last attempt of all failed. Clocks can be set back, so
	// the times do not tell.
	Failing bool `json:"failing,omitempty"`
}

func (a *Attempts) succeed(when time.Time) { a.Succeeded, a.Failing = when.UTC(), false }

func (a *Attempts) fail(when time.Time, cause error) {
	a.Failed, a.Error, a.Failing = when.UTC(), town.Plain(cause.Error()), true
}

// Exchange is how exchanges with a remote went.
type Exchange struct {
	// Verified is when the remote last confirmed what this Town knows of it; zero
	// for never.
	Verified time.Time
	// Pull and Push are apart: a remote may let a Town read and not write. A push
	// with nothing to send succeeds when the remote has everything.
	Pull, Push Attempts
}

// Failing is the attempts that fail now, the later failure first.
func (x Exchange) Failing() (all []Attempts) {
	if x.Pull.Failing {
		all = append(all, x.Pull)
	}
	switch {
	case x.Push.Failing && len(all) > 0 && x.Push.Failed.After(x.Pull.Failed):
		all = []Attempts{x.Push, x.Pull}
	case x.Push.Failing:
		all = append(all, x.Push)
	}
	return all
}

// exchange is what a state says about exchanges.
func (s state) exchange() Exchange { return Exchange{Verified: s.Verified, Pull: s.Pull, Push: s.Push} }

// upgrade takes over what a former version noted, which did not tell pulls and
// pushes apart: the last exchange verified both, and its failure counts as that of
// a pull. The next exchange tells.
func (s *state) upgrade() {
	if s.Pull == (Attempts{}) && s.Push == (Attempts{}) {
		s.Pull.Succeeded, s.Push.Succeeded = s.Verified, s.Verified
		if s.FormerError != "" {
			s.Pull.Failed, s.Pull.Error, s.Pull.Failing = s.FormerFailed, s.FormerError, true
		}
	}
	s.FormerFailed, s.FormerError = time.Time{}, ""
}
