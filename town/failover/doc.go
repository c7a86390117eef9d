// Package failover moves a Town from one directory to another: a directory stands by,
// which keeps it up to date from the active one's backups and from the federation, and is
// promoted.
//
// The Town's row in the federation's registry says which directory is active, and in which
// epoch (planes/federation). The note of package instance says it in each directory. This
// package writes both, in an order that leaves a Town whole wherever it is interrupted: a
// promotion first notes here that it has begun, then publishes the new epoch, and only
// then ends the standing by. Until that last step nothing acts in the Town's name here,
// and running it again goes on.
package failover

import (
	"context"
	"errors"
	"time"

	"gastown/sync/federate"
	"gastown/town/backup"
	"gastown/town/instance"
	"gastown/town/lockfile"
)

// Town is a directory of a Town.
type Town struct {
	Dir instance.Dir
	// Lock is the lock file that keeps two of Refresh, StandBy and Promote apart, and Wait
	// bounds the wait for it. Command names this process to others that wait.
	Lock    string
	Wait    time.Duration
	Command string
	// Keeper restores backups here. Its first destination has the active directory's
	// backups. It is nil in a directory that does not stand by, and where Unusable says why
	// the backups cannot be used: their key may be gone. A promotion goes on without them.
	Keeper   *backup.Keeper
	Unusable error
	// Engine exchanges with Remotes.
	Engine  *federate.Engine
	Remotes []federate.Remote
	// Reachable bounds how long a promotion waits for one remote, and for the backups.
	Reachable time.Duration
	Now       func() time.Time
	// Tell is told what is done; nil for nobody.
	Tell func(what string)
}

func (t *Town) tell(what string) {
	if t.Tell != nil {
		t.Tell(what)
	}
}

// locked calls fn as the only one that changes what the directory is.
func (t *Town) locked(ctx context.Context, op string, fn func() error) (err error) {
	lock, err := lockfile.Acquire(ctx, t.Lock, lockfile.Options{Command: t.Command, Wait: t.Wait, Op: op})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	return fn()
}

// pull brings the federation plane up to date. It returns the remotes that answered, and
// for each of the others why not.
func (t *Town) pull(ctx context.Context) (reached []federate.Remote, failed map[string]error) {
	failed = map[string]error{}
	for _, r := range t.Remotes {
		t.tell("asking " + r.Name)
		err := func() error {
			ctx, cancel := context.WithTimeout(ctx, t.Reachable)
			defer cancel()
			if err := t.Engine.Agree(ctx, r); err != nil {
				return err
			}
			_, err := t.Engine.Pull(ctx, r, false)
			return err
		}()
		if err != nil {
			failed[r.Name] = err
			continue
		}
		reached = append(reached, r)
	}
	return reached, failed
}
