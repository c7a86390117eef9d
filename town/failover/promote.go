package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gastown/sync/federate"
	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/instance"
)

// Promoted is what Promote did.
type Promoted struct {
	// Already: this directory was the active one, and nothing was to be done.
	Already bool
	Epoch   uint64
	// Former is the instance that spoke before; "" for none.
	Former string
	// Point is the backup point that the Town goes on from, and Taken when that was taken.
	// Both are zero unless the directory stood by.
	Point string
	Taken time.Time
	// Published are the remotes that took the new epoch.
	Published []string
	// Unknown is what nobody here could know, one sentence each.
	Unknown []string
}

// Promote makes this directory the Town's active one, in the next epoch. Without force it
// fails with town.ErrRefused unless the registry of a remote that answers says that no
// other directory speaks. Another directory that is promoted first makes it fail; this
// one then goes on to stand by. After an interruption the next call goes on, and needs force
// again unless the registry names this directory already. Without the key with which the
// Town signs it fails with town.ErrRefused, also with force, before it claims an epoch.
func (t *Town) Promote(ctx context.Context, force bool) (out Promoted, err error) {
	err = t.locked(ctx, "promote this directory", func() error {
		out, err = t.promote(ctx, force)
		return err
	})
	return out, err
}

func (t *Town) promote(ctx context.Context, force bool) (out Promoted, err error) {
	note, err := t.Dir.Ensure(ctx)
	if err != nil {
		return out, err
	}
	if by := note.Standby; by != nil && by.Of != "" && !by.Promoting {
		unread, err := t.lastLook(ctx)
		if err != nil {
			return out, err
		}
		out.Unknown = append(out.Unknown, unread...)
	}
	reached, failed := t.pull(ctx)
	for _, r := range t.Remotes {
		if err := failed[r.Name]; full(err) {
			return out, failFull(err)
		} else if err != nil {
			out.Unknown = append(out.Unknown, fmt.Sprintf("%s did not answer: what was published there meanwhile, and who is active, is not known (%s)", r.Name, brief(err)))
		}
	}
	if err := ctx.Err(); err != nil {
		return out, err
	}
	in, err := t.Engine.Instance(ctx)
	if err != nil {
		return out, err
	}
	ours := in.Entry.Instance == in.Instance && in.Other == ""
	if in.Role() == instance.Active && in.Other == "" {
		out.Already, out.Epoch = true, in.Epoch
		return out, nil
	}
	if err := t.Engine.CheckKey(ctx); err != nil {
		return out, town.Fail("promote this directory",
			"copy .gt/keys here from the former host, or put it back from an encrypted backup; without it: gt federation instance new --name NAME",
			"the key with which the Town signs is missing in .gt/keys here: %w", err)
	}
	claimed := in.Standby != nil && in.Standby.Promoting && in.Note.Epoch > in.Entry.Epoch
	if !ours {
		out.Former = in.Entry.Instance
		out.Unknown = append(out.Unknown, t.doubts(in.Entry.Instance, len(reached) > 0)...)
		if len(out.Unknown) > 0 && !force {
			return out, town.Fail("promote this directory", "gt town promote --force, if the other one is lost", "%w: %s", town.ErrRefused, strings.Join(out.Unknown, "; "))
		}
	}
	if !ours && !claimed {
		t.tell("claiming the next epoch")
		if _, err = t.Dir.Claim(ctx, in.Epoch+1); err != nil {
			return out, err
		}
	}
	if err := t.publish(ctx, reached, force, &out); err != nil {
		return out, err
	}
	return out, t.activate(ctx, &out)
}

// full reports that the disk here is full. That says nothing about a remote or the backups,
// so force does not go on from it.
func full(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, gitcmd.ErrNoSpace)
}

func failFull(err error) error {
	return town.Fail("promote this directory", "free some space on this machine, and run it again", "%w", err)
}

// lastLook brings the directory up to date once more. What it cannot know then, it says.
func (t *Town) lastLook(ctx context.Context) (unread []string, err error) {
	t.tell("looking for newer backups")
	bounded, cancel := context.WithTimeout(ctx, t.Reachable)
	defer cancel()
	if _, err := t.refresh(bounded); full(err) {
		return nil, failFull(err)
	} else if err != nil {
		unread = append(unread, "the backups could not be read, so what they hold that is newer is not here ("+brief(err)+")")
	}
	return unread, nil
}

// doubts are the reasons why a promotion needs force. They hold after an interruption too:
// whoever ended the command may have changed their mind, and force was said to what was not
// known then.
func (t *Town) doubts(other string, reached bool) (all []string) {
	switch {
	case len(t.Remotes) == 0:
		all = append(all, "the Town has no federation remote, so the other directory is not told and does not stop")
	case !reached:
		all = append(all, "no remote answered, so the other directory is told when it meets this one's next publication")
	}
	if other != "" {
		all = append(all, "instance "+town.Clip(other, 8)+" did not step down: whether it still works is not known, and what it wrote after its last backup is not here")
	}
	return all
}

func brief(err error) string { return town.Clip(town.Plain(err.Error()), 200) }

// publish publishes the claim. The first remote that takes it decides; with force it may
// be none.
func (t *Town) publish(ctx context.Context, reached []federate.Remote, force bool, out *Promoted) error {
	var failed error
	for _, r := range reached {
		t.tell("publishing the epoch at " + r.Name)
		_, err := t.Engine.Push(ctx, r, false)
		switch {
		case errors.Is(err, federate.ErrInstance):
			// Another directory was promoted. It is the active one, and this one stands by.
			_, nerr := t.Dir.StandBy(ctx, func(by *instance.Standby) *instance.Standby {
				if by == nil || by.Of == "" {
					return nil // it was fenced, and is again
				}
				by.Promoting = false
				return by
			})
			return errors.Join(town.Fail("promote this directory", "gt town status", "%w; this directory stands by", err), nerr)
		case full(err):
			return failFull(err)
		case err != nil:
			failed = errors.Join(failed, err)
			out.Unknown = append(out.Unknown, r.Name+" did not take the new epoch ("+brief(err)+")")
		default:
			out.Published = append(out.Published, r.Name)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(out.Published) == 0 && !force {
		return town.Fail("promote this directory", "run it again; gt town promote --force goes on without a remote", "no remote took the new epoch: %w", failed)
	}
	return nil
}

// activate ends the standing by: from here on the directory acts in the Town's name.
func (t *Town) activate(ctx context.Context, out *Promoted) error {
	t.tell("ending the standing by")
	_, err := t.Dir.StandBy(ctx, func(by *instance.Standby) *instance.Standby {
		if by != nil {
			out.Point, out.Taken = by.Point, by.Taken
		}
		return nil
	})
	if err != nil {
		return err
	}
	in, err := t.Engine.Instance(ctx)
	if err != nil {
		return err
	}
	out.Epoch = max(in.Entry.Epoch, in.Note.Epoch)
	out.Unknown = slices.Compact(out.Unknown)
	return nil
}
