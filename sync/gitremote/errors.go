package gitremote

import (
	"errors"
	"fmt"
	"syscall"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/durable"
)

// kinds gives the kinds of this package to errors of git about objects of the
// remote. Other errors pass unchanged.
func kinds(err, corrupt error) error {
	switch {
	case errors.Is(err, gitcmd.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, gitcmd.ErrCorrupt):
		return fmt.Errorf("%w: %w", corrupt, err)
	}
	return err
}

// diskErr adds the kind to an error of the local file system.
func diskErr(err error) error {
	if errors.Is(err, gitcmd.ErrNoSpace) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", gitcmd.ErrNoSpace, err)
	}
	return err
}

// refuse is the error for a remote whose content is not accepted.
func (m *Mirror) refuse(err error) error {
	next := ""
	switch {
	case errors.Is(err, gitcmd.ErrNoSpace):
		next = "free some space on this machine, then run it again"
	case durable.OfMachine(err): // the engine knows the advice
	case errors.Is(err, ErrNotDolt):
		next = "check the address and the ref " + m.opts.Ref
	case errors.Is(err, ErrCorrupt):
		next = "ask the Town that published last to push again; nothing here was changed"
	case errors.Is(err, ErrTooLarge):
		next = "check with its owner what is in the repository; nothing here was changed"
	default:
		if town.Next(err) != "" {
			return err
		}
	}
	return town.Fail("take over "+m.opts.Ref+" of "+gitcmd.Redact(m.opts.URL), next, "%w", err)
}
