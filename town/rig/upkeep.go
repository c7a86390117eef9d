package rig

import (
	"context"
	"fmt"
	"time"
)

// maxUpkeep is how many actions one pass over a pool carries out, so that a pass ends.
const maxUpkeep = 20

// PoolState is what a pass over a pool plans from.
type PoolState struct {
	// Size is how many trees there should be.
	Size  int
	Trees []PoolTree
}

// PoolAction is one thing to do to a pool.
type PoolAction struct {
	// Do is "add", "renew" or "drop". Tree is what it is done to; nothing for "add".
	Do   string   `json:"do"`
	Tree PoolTree `json:"tree,omitzero"`
}

// PlanPool says what brings a pool to its size and to the newest base: damaged trees
// go first, then those that are too many, old ones before fresh ones; then old ones are
// renewed, and missing ones added.
func PlanPool(s PoolState) (plan []PoolAction) {
	var fresh, old []PoolTree
	for _, t := range s.Trees {
		switch {
		case t.Head == "":
			plan = append(plan, PoolAction{"drop", t})
		case t.Fresh:
			fresh = append(fresh, t)
		default:
			old = append(old, t)
		}
	}
	for len(fresh)+len(old) > max(s.Size, 0) {
		if len(old) > 0 {
			plan, old = append(plan, PoolAction{"drop", old[0]}), old[1:]
			continue
		}
		plan, fresh = append(plan, PoolAction{"drop", fresh[0]}), fresh[1:]
	}
	for _, t := range old {
		plan = append(plan, PoolAction{"renew", t})
	}
	for range s.Size - len(fresh) - len(old) {
		plan = append(plan, PoolAction{Do: "add"})
	}
	return plan
}

// KeepPool carries out one pass over the rig's pool, of at most so many actions (0 for
// a usual number). It first removes what killed processes left, and asks the remote for
// the newest base when it was not asked within fresh; a remote that does not answer
// keeps nothing from being done. It returns what it did.
func (r *Rig) KeepPool(ctx context.Context, size, most int, fresh time.Duration) (done []PoolAction, err error) {
	if most <= 0 {
		most = maxUpkeep
	}
	stale := r.refresh(ctx, fresh)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := r.Sweep(ctx); err != nil {
		return nil, err
	}
	lock, err := r.lock(ctx, "pool")
	if err != nil {
		return nil, err
	}
	defer lock.Release() //nolint:errcheck // it ends with the process
	trees, err := r.PoolTrees(ctx)
	if err != nil {
		return nil, err
	}
	plan := PlanPool(PoolState{Size: size, Trees: trees})
	for _, a := range plan[:min(len(plan), most)] {
		switch a.Do {
		case "add":
			err = r.AddToPool(ctx)
		case "renew":
			err = r.RenewInPool(ctx, a.Tree)
		case "drop":
			err = r.DropFromPool(ctx, a.Tree)
		}
		if err != nil {
			return done, fmt.Errorf("%s a tree of the pool of %s: %w", a.Do, r.Name, err)
		}
		done = append(done, a)
	}
	if err := r.forgetPooled(ctx); err != nil {
		return done, err
	}
	if stale != nil {
		err = fmt.Errorf("the newest base is not known: %w", stale)
	}
	return done, err
}

// SetPool records how many trees the rig's pool has.
func (y *Yard) SetPool(ctx context.Context, name string, size int) error {
	return y.set(ctx, name, "pool", size)
}
