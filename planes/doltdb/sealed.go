package doltdb

import "context"

// Upkeep is what a plane may let its users do with its database: no SQL, no
// transaction and no write. A plane's Store embeds it, or a Replica, and keeps
// the database itself in an unexported field.
type Upkeep struct{ db *Local }

// Upkeep returns the methods of the database that a plane may promote.
func (db *Local) Upkeep() Upkeep { return Upkeep{db} }

// Close is Local.Close.
func (u Upkeep) Close() error { return u.db.Close() }

// Dir is the database's directory.
func (u Upkeep) Dir() string { return u.db.Dir() }

// Head is the commit at the tip of the database's one branch.
func (u Upkeep) Head(ctx context.Context) (string, error) { return u.db.Head(ctx) }

// GC is Local.GC.
func (u Upkeep) GC(ctx context.Context) error { return u.db.GC(ctx) }

// GCAfterWrite is Local.GCAfterWrite.
func (u Upkeep) GCAfterWrite(ctx context.Context) (bool, error) { return u.db.GCAfterWrite(ctx) }

// MaybeGC is Local.MaybeGC.
func (u Upkeep) MaybeGC(ctx context.Context) (bool, error) { return u.db.MaybeGC(ctx) }

// ReadAll is Local.ReadAll.
func (u Upkeep) ReadAll(ctx context.Context) error { return u.db.ReadAll(ctx) }

// Revisions is Local.Revisions.
func (u Upkeep) Revisions(ctx context.Context, fn func(Revisions) error) error {
	return u.db.Revisions(ctx, fn)
}

// Replica is Upkeep for a database whose commits are exchanged with mirrors.
type Replica struct {
	Upkeep
	db *Shared
}

// Replica returns the methods of the database that a plane may promote.
func (db *Shared) Replica() Replica { return Replica{db.Local.Upkeep(), db} }

// CommitOthers is Local.CommitOthers.
func (r Replica) CommitOthers(ctx context.Context) (commit string, err error) {
	return r.db.CommitOthers(ctx)
}

// Detach is Local.Detach.
func (r Replica) Detach() (release func() error, err error) { return r.db.Detach() }

// Fetch is Shared.Fetch.
func (r Replica) Fetch(ctx context.Context, remote, mirror string) (head string, err error) {
	return r.db.Fetch(ctx, remote, mirror)
}

// Push is Shared.Push.
func (r Replica) Push(ctx context.Context, remote, mirror string) error {
	return r.db.Push(ctx, remote, mirror)
}

// Forget is Shared.Forget.
func (r Replica) Forget(ctx context.Context, remote string) error { return r.db.Forget(ctx, remote) }

// Revisions answers questions about the history of a database, not about its
// rows. It is valid within the function it is passed to.
type Revisions struct{ tx *Tx }

// Revisions calls fn with one consistent view of the history.
func (db *Local) Revisions(ctx context.Context, fn func(Revisions) error) error {
	return db.View(ctx, func(tx *Tx) error { return fn(Revisions{tx}) })
}

// Head is the commit at the tip.
func (r Revisions) Head(ctx context.Context) (string, error) { return r.tx.Head(ctx) }

// Resolve is Tx.Revision: the commit of a revision's name, "" for none.
func (r Revisions) Resolve(ctx context.Context, name string) (string, error) {
	return r.tx.Revision(ctx, name)
}

// MergeBase is Tx.MergeBase.
func (r Revisions) MergeBase(ctx context.Context, a, b string) (string, error) {
	return r.tx.MergeBase(ctx, a, b)
}

// Count is Tx.Count.
func (r Revisions) Count(ctx context.Context, from, to string) (int, error) {
	return r.tx.Count(ctx, from, to)
}

// Contains reports whether a commit is in the history of tip. A commit that is
// not in the database is not.
func (r Revisions) Contains(ctx context.Context, tip, commit string) (bool, error) {
	base, err := r.tx.MergeBase(ctx, commit, tip)
	return err == nil && base == commit, ctx.Err()
}

// First is Tx.First.
func (r Revisions) First(ctx context.Context, revision string) (string, error) {
	return r.tx.First(ctx, revision)
}
