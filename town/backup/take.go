package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gastown/planes/doltdb/copies"
)

// Taken is what Take did for one destination.
type Taken struct {
	Destination string
	// Point is nil when nothing has changed since the newest one, or after an error.
	Point *Point
	// Unchanged says that nothing had.
	Unchanged bool
	Err       error
}

// Take takes a point of a kind and writes it to every destination. Where nothing has
// changed since the newest point, it writes none, unless always is set. One destination
// that fails does not keep others from their point.
func (k *Keeper) Take(ctx context.Context, kind Kind, always bool) (all []Taken, err error) {
	if _, err := k.Destination(""); err != nil {
		return nil, err
	}
	if k.Passive != nil {
		return nil, k.Passive
	}
	err = k.locked(ctx, "gt backup run", func(scratch string) error {
		all, err = k.take(ctx, kind, always, scratch)
		return err
	})
	return all, err
}

func (k *Keeper) take(ctx context.Context, kind Kind, always bool, scratch string) (all []Taken, err error) {
	notes, err := k.notes()
	if err != nil {
		return nil, err
	}
	began := k.Now().UTC()
	state := ""
	if kind == Databases {
		// Noted before the moment is taken: what is written in between is in the point,
		// and makes the next run look again.
		if state, err = copies.State(k.sources()); err != nil {
			return nil, err
		}
	}
	var moment *copies.Moment
	defer func() {
		if moment != nil {
			err = errors.Join(err, moment.Close())
		}
	}()
	for _, to := range k.Destinations {
		note := notes.of(to.Name, kind)
		if !always && state != "" && note.State == state && Past(note.Taken, began).Equal(note.Taken) && k.still(ctx, to, note.Point) {
			note.tell(began, began, state, Taken{})
			all = append(all, Taken{Destination: to.Name, Unchanged: true})
			continue
		}
		if moment == nil && kind == Databases {
			k.tell("taking a moment of the databases")
			if moment, err = copies.Take(ctx, k.sources(), filepath.Join(scratch, "moment")); err != nil {
				break
			}
		}
		t := Taken{Destination: to.Name}
		t.Point, t.Err = k.write(ctx, kind, always, to, moment, notes, filepath.Join(scratch, "out-"+to.Name))
		t.Unchanged = t.Point == nil && t.Err == nil
		all = append(all, t)
		if ctx.Err() == nil { // what somebody ended has not failed
			note.tell(began, k.Now().UTC(), state, t)
		}
	}
	if err != nil && ctx.Err() == nil {
		for _, to := range k.Destinations {
			notes.of(to.Name, kind).tell(began, k.Now().UTC(), state, Taken{Err: err})
		}
	}
	return all, errors.Join(err, k.save(notes))
}

// still reports whether a point is in the destination, with all its files.
func (k *Keeper) still(ctx context.Context, to Destination, name string) bool {
	sizes, err := to.List(ctx)
	if err != nil {
		return false // writing says why
	}
	size, there := sizes[pointKey(name)]
	if !there {
		return false
	}
	p, err := k.point(ctx, to, name, size)
	return err == nil && p.readable(to.keys()) && (&catalog{to: to, sizes: sizes}).lacking(p) == nil
}

// write writes a point to one destination. out is a directory for it.
func (k *Keeper) write(ctx context.Context, kind Kind, always bool, to Destination, moment *copies.Moment, notes *notes, out string) (*Point, error) {
	c, err := k.catalog(ctx, to)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		return nil, err
	}
	p := &Point{
		Kind: kind, Taken: k.Now().UTC().Truncate(time.Millisecond), Town: k.Town, TownName: k.TownName, Instance: k.Instance, Version: k.Version,
		Encrypted: to.Encrypts(), Seq: c.next(),
	}
	for {
		p.Name = pointName(kind, p.Taken)
		if _, taken := c.sizes[pointKey(p.Name)]; !taken {
			break
		}
		p.Taken = p.Taken.Add(time.Millisecond)
	}
	var keys []string
	if kind == Databases {
		keys, err = k.writePlanes(ctx, c, p, moment, notes, out)
	} else {
		keys, err = k.writePlain(ctx, c, p, notes, out)
	}
	if err != nil || !always && len(keys) == 0 && c.unchanged(p) {
		return nil, err
	}
	return p, k.send(ctx, c, p, keys, notes, out)
}

// send stores the files of a point that the destination lacks, then the point.
func (k *Keeper) send(ctx context.Context, c *catalog, p *Point, keys []string, notes *notes, out string) error {
	p.Added = 0
	for _, key := range keys {
		info, err := os.Stat(filepath.Join(out, filepath.FromSlash(key)))
		if err != nil {
			return err
		}
		p.Added += info.Size()
	}
	text, err := p.encode()
	if err != nil {
		return err
	}
	files := map[string][]byte{pointKey(p.Name): text}
	keys = append(keys, pointKey(p.Name))
	if _, there := c.sizes[ownerKey]; !there || !c.readable() {
		if files[ownerKey], err = json.Marshal(owner{k.Town, k.TownName}); err != nil {
			return err
		}
		keys = append([]string{ownerKey}, keys...)
	}
	if !c.to.Encrypts() {
		for _, plane := range p.Planes {
			if files[manifestKey(plane.Name)], err = copies.Manifest(plane.Root, plane.tableFiles()); err != nil {
				return err
			}
			keys = append(keys, manifestKey(plane.Name))
		}
	}
	for key, content := range files {
		path := filepath.Join(out, filepath.FromSlash(key))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	k.tell("writing " + p.Name + " to " + c.to.Name)
	if err := c.to.Put(ctx, out, keys); err != nil {
		return fmt.Errorf("write the point %s to %s: %w", p.Name, c.to.Where, err)
	}
	notes.heal(c.to.Name, keys)
	return k.remember(c.to, p.Name, text)
}

// writePlanes makes the table files that a point of databases adds.
func (k *Keeper) writePlanes(ctx context.Context, c *catalog, p *Point, moment *copies.Moment, notes *notes, out string) (keys []string, err error) {
	before, found := c.newest(Databases, func(Entry) bool { return true })
	for i, source := range k.Planes {
		db := moment.Databases[i]
		plane := Plane{Name: source.Name, Store: source.Store, Root: db.Root, Settings: db.Settings}
		if plane.Tables, plane.Head, err = db.Tables(ctx); err != nil {
			return nil, err
		}
		var former Plane
		if found {
			if former, _ = before.Point.Plane(source.Name); former.Store != source.Store {
				former = Plane{} // another database: nothing is shared
			}
		}
		known := copies.Addresses{}
		base, level := build(former.Groups, func(g Group) bool {
			return hasAll(g.Keys, c.to.keys()) && k.knows(c, notes, source.Name, g, known)
		})
		if len(base) < len(former.Groups) {
			known = copies.Addresses{} // without those of groups that are not built upon
			for _, g := range base {
				k.knows(c, notes, source.Name, g, known)
			}
		}
		plane.Groups = base
		k.tell("copying the " + source.Name + " plane")
		dir := filepath.Join(out, filepath.FromSlash(planesDir), source.Name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		files, err := db.Write(ctx, dir, known)
		if err != nil {
			return nil, err
		}
		if len(files) > 0 {
			g := Group{Level: level, Keys: c.to.keys()}
			for _, f := range files {
				blob := Blob{TableFile: f}
				if blob.Size, blob.SHA256, err = sum(filepath.Join(dir, f.Name)); err != nil {
					return nil, err
				}
				if err := k.learn(source.Name, f.Name, filepath.Join(dir, f.Name)); err != nil {
					return nil, err
				}
				g.Files = append(g.Files, blob)
				keys = append(keys, tableKey(source.Name, f.Name))
			}
			plane.Groups = append(slices.Clone(base), g)
		}
		p.Planes = append(p.Planes, plane)
	}
	return keys, nil
}

// unchanged reports whether the newest point of the kind is sound, has a date that can be
// right, and holds the same.
func (c *catalog) unchanged(p *Point) bool {
	before, found := c.newest(p.Kind, func(Entry) bool { return true })
	if !found || before.Fault != nil || !before.Point.readable(c.to.keys()) || before.Taken.After(before.Dated) || len(before.Point.Planes) != len(p.Planes) || !slices.Equal(before.Point.Files, p.Files) {
		return false
	}
	for i, plane := range before.Point.Planes {
		now := p.Planes[i]
		if plane.Name != now.Name || plane.Store != now.Store || plane.Root != now.Root || !maps.Equal(plane.Settings, now.Settings) {
			return false
		}
	}
	return true
}

// sum returns size and SHA-256 of a file.
func sum(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return n, hex.EncodeToString(h.Sum(nil)), err
}
