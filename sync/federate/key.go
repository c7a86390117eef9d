package federate

import (
	"context"
	"errors"

	"gastown/planes/federation"
	"gastown/sync/sign"
	"gastown/town/lockfile"
)

// Key says which key a Town signs with.
type Key struct {
	// Fingerprint is that of the present key. Number is how many keys the Town has had.
	Fingerprint string `json:"fingerprint"`
	Number      int    `json:"number"`
	// Revoked: the Town has revoked its keys, and signs nothing more.
	Revoked bool `json:"revoked"`
}

// Key says which key this Town signs with. It makes the first one, and fails where the
// federation knows the Town by another one.
func (e *Engine) Key(ctx context.Context) (out Key, err error) {
	err = e.Read(ctx, func(s *federation.Store) error {
		out.Fingerprint, out.Number = s.Keys.Public().Fingerprint(), s.Keys.Count()
		if out.Revoked, err = s.Revoked(ctx); err != nil || out.Revoked {
			return err
		}
		return s.CheckKeys(ctx)
	})
	return out, err
}

// CheckKey fails, as town.ErrRefused, when the federation knows this Town by another key than
// the one that is here: nothing could be published as this Town.
func (e *Engine) CheckKey(ctx context.Context) error {
	return e.Read(ctx, func(s *federation.Store) error { return s.CheckKeys(ctx) })
}

// RotateKey gives this Town a new key, which the former one signs. Other Towns learn of it
// with the next push.
func (e *Engine) RotateKey(ctx context.Context) (out Key, err error) {
	lock, err := lockfile.Acquire(ctx, e.opts.Layout.Lock("keys"), lockfile.Options{Command: e.opts.Command, Wait: e.opts.Wait, Op: "make a new key"})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	err = e.Read(ctx, func(s *federation.Store) error {
		// What the registry has is right before there is another one to sign.
		if err := s.CheckKeys(ctx); err != nil {
			return err
		}
		keys, err := sign.Load(e.opts.Layout.Keys(), e.opts.ID)
		if err == nil {
			keys, err = keys.Rotate(e.opts.Layout.Keys())
		}
		if err != nil {
			return err
		}
		s.Keys = keys
		out.Fingerprint, out.Number = keys.Public().Fingerprint(), keys.Count()
		return s.EnterKeys(ctx)
	})
	return out, err
}

// RevokeKey ends this Town's keys for good; see federation.Store.Revoke. Other Towns learn of
// it with the next push of this Town, or of another one that knows.
func (e *Engine) RevokeKey(ctx context.Context) (out Key, err error) {
	err = e.Read(ctx, func(s *federation.Store) error {
		out.Fingerprint, out.Number, out.Revoked = s.Keys.Public().Fingerprint(), s.Keys.Count(), true
		return s.Revoke(ctx)
	})
	return out, err
}
