package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// grace is how long a shared file stays after nothing names it. Another process may just
// write a point that does.
const grace = time.Hour

// Pruned is what Prune did at a destination.
type Pruned struct {
	Destination string
	// Points are those that were removed, Files how many files that no point needs, and
	// Bytes their size.
	Points []string
	Files  int
	Bytes  int64
	// Held is why no file was removed; "" otherwise.
	Held string
	Err  error
}

// Prune removes the points that are older than their retention, and files that no point
// has named for an hour. It removes no file while there is a point it cannot read.
func (k *Keeper) Prune(ctx context.Context) (all []Pruned, err error) {
	if k.Passive != nil {
		return nil, k.Passive
	}
	err = k.locked(ctx, "gt backup prune", func(string) error {
		notes, err := k.notes()
		if err != nil {
			return err
		}
		listed := map[string]bool{}
		complete := true
		for _, to := range k.Destinations {
			p, c := k.prune(ctx, to, notes.at(to.Name))
			all = append(all, p)
			complete = complete && p.Err == nil && c != nil
			if c != nil {
				c.mention(listed)
				k.forgetPoints(c)
			}
		}
		if complete {
			k.forgetLists(listed)
		}
		return k.save(notes)
	})
	return all, err
}

func (k *Keeper) prune(ctx context.Context, to Destination, d *destinationNotes) (out Pruned, c *catalog) {
	out.Destination = to.Name
	c, out.Err = k.catalog(ctx, to)
	if out.Err != nil {
		return out, nil
	}
	var points []Candidate
	for _, e := range c.entries {
		points = append(points, Candidate{Name: e.Name, Kind: e.Kind, Taken: e.Dated, Proven: !e.Proven.IsZero(), Damaged: e.Fault != nil})
	}
	expired := map[string]bool{}
	var keys []string
	for _, name := range Expired(points, k.Retention, k.Now()) {
		expired[name] = true
		out.Points = append(out.Points, name)
		keys = append(keys, pointKey(name))
		for key := range c.sizes {
			if of, _, ok := proofOf(key); ok && of == name {
				keys = append(keys, key)
			}
		}
	}
	// The points first: a file goes only when no point names it.
	k.tell("removing points")
	if out.Err = to.Remove(ctx, keys); out.Err != nil {
		return out, c
	}
	left := c.entries[:0:0]
	for _, e := range c.entries {
		if !expired[e.Name] {
			left = append(left, e)
		}
	}
	c.entries = left
	out.Err = k.sweep(ctx, c, d, &out)
	return out, c
}

// sweep removes files that no point names.
func (k *Keeper) sweep(ctx context.Context, c *catalog, d *destinationNotes, out *Pruned) error {
	named := map[string]bool{}
	for _, e := range c.entries {
		if e.Point == nil {
			out.Held = "the point " + e.Name + " cannot be read, so nobody knows which files it needs"
			return nil
		}
		for _, i := range e.Point.Items() {
			named[i.Key] = true
		}
	}
	now := k.Now()
	before := d.Unnamed
	d.Unnamed = map[string]time.Time{}
	var keys []string
	for key, size := range c.sizes {
		if !shared(key) || named[key] {
			continue
		}
		since, known := before[key]
		if !known || since.After(now) { // noted under a wrong clock
			since = now
		}
		if now.Sub(since) < grace {
			d.Unnamed[key] = since
			continue
		}
		keys = append(keys, key)
		out.Files, out.Bytes = out.Files+1, out.Bytes+size
	}
	k.tell("removing files")
	if err := c.to.Remove(ctx, keys); err != nil {
		return err
	}
	if t, ok := plainStore(c.to.Store).(tidier); ok {
		return t.Tidy(ctx, now.Add(-grace))
	}
	return nil
}

// mention adds the table files of all points.
func (c *catalog) mention(all map[string]bool) {
	for _, e := range c.entries {
		if e.Point == nil {
			continue
		}
		for _, i := range e.Point.Items() {
			all[i.Key] = true
		}
	}
}

// forgetPoints removes what the keeper remembers of points that are gone.
func (k *Keeper) forgetPoints(c *catalog) {
	there := map[string]bool{}
	for _, e := range c.entries {
		there[e.Name+pointExt] = true
	}
	removeOthers(filepath.Join(k.Dir, "points", c.to.Name), func(name string) bool { return there[name] })
}

// forgetLists removes lists of table files that are gone.
func (k *Keeper) forgetLists(listed map[string]bool) {
	for _, p := range k.Planes {
		removeOthers(filepath.Join(k.Dir, "known", p.Name), func(name string) bool { return listed[tableKey(p.Name, name)] })
	}
}

// removeOthers removes files of a directory that keep does not want. What it cannot
// remove stays: it is only a copy.
func removeOthers(dir string, keep func(name string) bool) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return
	}
	for _, e := range entries {
		if !keep(e.Name()) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
