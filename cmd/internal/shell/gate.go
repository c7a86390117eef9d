package shell

import (
	"context"

	"gastown/town"
	"gastown/town/access"
	"gastown/town/layout"
)

// Gate decides whether the caller of a command may run it. Its methods may be called from
// many goroutines.
type Gate interface {
	// Check fails with town.ErrRefused unless the call's user, and the agent in whose
	// session it runs, may run the command. It is called after the arguments are parsed and
	// before anything is done.
	Check(context.Context, *Call, *Prepared) error
	// Tell appends the refusal of a command to the feed, if err is one of package access.
	// It ignores every other error.
	Tell(c *Call, err error)
	// Agent is the agent in whose session the call runs; the zero Caller is a person.
	Agent(*Call, layout.Town) town.Caller
	// Person is the author under whose name a user of this machine writes who is not the
	// Town's owner.
	Person(t layout.Town, user int) town.Actor
	// Policy is what config/access.yaml of a Town says. After an error, which says what is
	// wrong with the file, it is the last one that was right, or one for the owner alone.
	Policy(layout.Town) (*access.Policy, error)
}
