package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gastown/town"
)

// Verified is the outcome of Verify.
type Verified struct {
	Point *Point
	// Deep says that all content was read and the databases were restored into a
	// scratch directory. Otherwise only names and sizes were compared.
	Deep bool
	At   time.Time
}

// Verify looks whether a point is whole. With deep it restores the point into a scratch
// directory, by the code of Restore, and records the proof in the destination. What is
// found damaged is written anew with the next point.
func (k *Keeper) Verify(ctx context.Context, to Destination, name string, deep bool) (out Verified, err error) {
	err = k.locked(ctx, "gt backup verify", func(scratch string) error {
		out, err = k.verify(ctx, to, name, deep, scratch)
		return err
	})
	return out, err
}

func (k *Keeper) verify(ctx context.Context, to Destination, name string, deep bool, scratch string) (Verified, error) {
	out := Verified{Deep: deep, At: k.Now().UTC().Truncate(time.Millisecond)}
	c, err := k.catalog(ctx, to)
	if err != nil {
		return out, err
	}
	// The point itself, not what the keeper remembers of it.
	size, there := c.sizes[pointKey(name)]
	if !there {
		return out, k.noPoint(to, name)
	}
	if out.Point, _, err = k.fetchPoint(ctx, to, name, size); err == nil {
		err = c.lacking(out.Point)
	}
	if !deep {
		return out, err
	}
	if err == nil {
		err = k.proof(ctx, to, out.Point, filepath.Join(scratch, "proof"))
	}
	if err == nil {
		err = k.record(ctx, to, proofKey(name, out.At), filepath.Join(scratch, "note"))
	}
	return out, errors.Join(err, k.noteProof(to, name, out.At, err))
}

// proof restores a point into dir.
func (k *Keeper) proof(ctx context.Context, to Destination, p *Point, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if p.Kind == Files {
		return fetch(ctx, to, p.Items(), dir)
	}
	return k.prepare(ctx, to, p, k.Planes, dir)
}

// record puts an empty file into the destination.
func (k *Keeper) record(ctx context.Context, to Destination, key, dir string) error {
	path := filepath.Join(dir, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(k.Version+"\n"), 0o600); err != nil {
		return err
	}
	return to.Put(ctx, dir, []string{key})
}

// noteProof notes the outcome of a proof, and the files that were damaged.
func (k *Keeper) noteProof(to Destination, name string, at time.Time, failed error) error {
	notes, err := k.notes()
	if err != nil {
		return err
	}
	d := notes.at(to.Name)
	kind, _, _ := parseName(name)
	if failed == nil {
		d.Proofs[kind] = &Proof{Point: name, At: at}
		return k.save(notes)
	}
	if errors.Is(failed, context.Canceled) {
		return nil // somebody ended it, which says nothing about the point
	}
	if d.Proofs[kind] == nil {
		d.Proofs[kind] = &Proof{}
	}
	d.Proofs[kind].Failed, d.Proofs[kind].Error = at, failed.Error()
	var bad *damage
	if errors.As(failed, &bad) {
		for _, key := range bad.keys {
			d.Bad[key] = at
		}
	}
	if errors.Is(failed, ErrDamaged) {
		if note := d.Kinds[kind]; note != nil {
			note.State = "" // so that the next run writes a point, even if nothing changed
		}
	}
	return k.save(notes)
}

func (k *Keeper) noPoint(to Destination, name string) error {
	return town.Fail("find the point "+town.Clip(name, 80), "gt backup list", "%w: %s has no such point", ErrNoPoint, to.Where)
}

// Choose finds the point with a name, or with name "" the newest one that was taken at a
// time or before; a zero time is no bound. Points of this directory come before those of
// another one with the Town's identity. A damaged point is found by its name only.
func (k *Keeper) Choose(ctx context.Context, to Destination, kind Kind, name string, at time.Time) (Entry, error) {
	c, err := k.catalog(ctx, to)
	if err != nil {
		return Entry{}, err
	}
	if name != "" {
		for _, e := range c.entries {
			if e.Name == name {
				return e, nil
			}
		}
		return Entry{}, k.noPoint(to, name)
	}
	e, ok := c.newestOf(k.Instance, kind, func(e Entry) bool { return e.Fault == nil && (at.IsZero() || !e.Dated.After(at)) })
	if !ok {
		next, others := "gt backup list", ""
		if n, use, err := k.PassedOver(ctx, to); err == nil && n > 0 && len(c.entries) == 0 {
			next, others = use, fmt.Sprintf("; it has %d that cannot be used with backup.key as it is", n)
		}
		return e, town.Fail("find a point", next, "%w: %s has none that is whole%s%s", ErrNoPoint, to.Where, before(at), others)
	}
	return e, nil
}

func before(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return fmt.Sprintf(" and was taken by %s", at.UTC().Format(time.RFC3339))
}
