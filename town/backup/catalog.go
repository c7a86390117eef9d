package backup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/durable"
)

// ErrNoPoint reports a point that is not in the destination.
var ErrNoPoint = errors.New("there is no such point")

// Entry is a point in a destination.
type Entry struct {
	Name  string
	Kind  Kind
	Taken time.Time
	// Dated is when it counts as taken: Taken, unless that is in the future. A point that was
	// taken under a wrong clock counts as old as the one after it, or as now.
	Dated time.Time
	// Point is nil when the point cannot be read; Fault then says why. Fault also
	// says which of its files are missing or cut short.
	Point *Point
	Fault error
	// Proven is when a restore of the point was last tested; zero for never.
	Proven time.Time

	seq uint64
}

// catalog is what a destination holds at one moment.
type catalog struct {
	to      Destination
	sizes   map[string]int64
	entries []Entry // oldest first, by their numbers
}

// List lists the points of a destination, oldest first. It reads the points and the
// sizes of files, not their content.
func (k *Keeper) List(ctx context.Context, to Destination) ([]Entry, error) {
	c, err := k.catalog(ctx, to)
	if err != nil {
		return nil, err
	}
	return c.entries, nil
}

func (k *Keeper) catalog(ctx context.Context, to Destination) (*catalog, error) {
	c, err := k.survey(ctx, to)
	if err != nil {
		return nil, unread{err}
	}
	return c, nil
}

func (k *Keeper) survey(ctx context.Context, to Destination) (*catalog, error) {
	sizes, err := to.List(ctx)
	if err != nil {
		return nil, err
	}
	if err := k.checkOwner(ctx, to, sizes); err != nil {
		return nil, err
	}
	c := &catalog{to: to, sizes: sizes}
	proven := map[string]time.Time{}
	for key := range sizes {
		if name, at, ok := proofOf(key); ok && at.After(proven[name]) {
			proven[name] = at
		}
	}
	for key := range sizes {
		name, ok := pointOf(key)
		if !ok {
			continue
		}
		e := Entry{Name: name, Proven: proven[name]}
		e.Kind, e.Taken, _ = parseName(name)
		e.Point, e.Fault = k.point(ctx, to, name, sizes[key])
		if e.Fault != nil && !errors.Is(e.Fault, ErrDamaged) && !errors.Is(e.Fault, town.ErrRefused) {
			return nil, e.Fault // the destination cannot be read
		}
		if e.Point != nil {
			e.Fault = c.lacking(e.Point)
		}
		c.entries = append(c.entries, e)
	}
	c.order(k.Now())
	return c, nil
}

// order sorts the entries and dates them.
func (c *catalog) order(now time.Time) {
	byName := func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(c.entries, byName)
	last := uint64(0)
	for i := range c.entries {
		e := &c.entries[i]
		if e.Point != nil {
			last = e.Point.Seq
		}
		e.seq = last // one that cannot be read stands where its name says
	}
	slices.SortStableFunc(c.entries, func(a, b Entry) int { return cmp.Compare(a.seq, b.seq) })
	after := now
	for i := range slices.Backward(c.entries) {
		e := &c.entries[i]
		if e.Dated = e.Taken; e.Dated.After(now) {
			e.Dated = after
			continue
		}
		after = e.Dated
	}
	// Not older than what came before it, if the clock was wrong twice.
	before := time.Time{}
	for i := range c.entries {
		e := &c.entries[i]
		if e.Taken.After(now) && e.Dated.Before(before) {
			e.Dated = before
		}
		if e.Dated.After(before) {
			before = e.Dated
		}
	}
}

// readable reports whether any point can be read with each of the keys of the destination.
// None can when a key was added, until the next point writes everything for it.
func (c *catalog) readable() bool {
	return slices.ContainsFunc(c.entries, func(e Entry) bool { return e.Point != nil && e.Point.readable(c.to.keys()) })
}

// plain are the plain files in the destination that can be read with each of its keys.
func (c *catalog) plain() map[string]bool {
	all := map[string]bool{}
	for _, e := range c.entries {
		if e.Kind == Files && e.Point != nil && e.Point.readable(c.to.keys()) {
			for _, i := range e.Point.Items() {
				all[i.Key] = true
			}
		}
	}
	return all
}

// next is the number of the next point.
func (c *catalog) next() uint64 {
	n := uint64(0)
	for _, e := range c.entries {
		if e.Point != nil {
			n = max(n, e.Point.Seq)
		}
	}
	return n + 1
}

// lacking says which files of a point are missing or have another size.
func (c *catalog) lacking(p *Point) error {
	for _, i := range p.Items() {
		if !c.holds(i) {
			return fmt.Errorf("%w: the point %s lacks %s, or has not all of it", ErrDamaged, p.Name, i.Key)
		}
	}
	return nil
}

// holds reports whether a file is in the destination with the size it should have. An
// encrypted file is a little larger than its content.
func (c *catalog) holds(i Item) bool {
	size, there := c.sizes[i.Key]
	if c.to.Encrypts() {
		return there && size >= sealedSize(i.Size)
	}
	return there && size == i.Size
}

// point reads a point, from what the keeper remembers of it if it does. Points never
// change.
func (k *Keeper) point(ctx context.Context, to Destination, name string, size int64) (*Point, error) {
	if text, err := os.ReadFile(k.remembered(to, name)); err == nil && (to.Encrypts() && size >= sealedSize(int64(len(text))) || size == int64(len(text))) {
		if p, err := decode(name, text); err == nil {
			return p, nil
		}
	}
	p, text, err := k.fetchPoint(ctx, to, name, size)
	if err != nil {
		return nil, err
	}
	return p, k.remember(to, name, text)
}

// remembered is where the keeper has a copy of a point.
func (k *Keeper) remembered(to Destination, name string) string {
	return filepath.Join(k.Dir, "points", to.Name, name+pointExt)
}

// remember writes the keeper's copy of a point.
func (k *Keeper) remember(to Destination, name string, text []byte) error {
	path := k.remembered(to, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return durable.WritePrivate(path, text)
}

// read returns the content of a small file of a destination.
func (k *Keeper) read(ctx context.Context, to Destination, key string) (text []byte, err error) {
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(k.Dir, "point-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := to.Get(ctx, []string{key}, dir); err != nil {
		return nil, unread{err}
	}
	return os.ReadFile(filepath.Join(dir, filepath.FromSlash(key)))
}

// fetchPoint reads a point from the destination itself.
func (k *Keeper) fetchPoint(ctx context.Context, to Destination, name string, size int64) (_ *Point, text []byte, err error) {
	if size > 2*maxPoint {
		return nil, nil, fmt.Errorf("%w: the point %s has %d bytes", ErrDamaged, name, size)
	}
	text, err = k.read(ctx, to, pointKey(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: there is no point %s", ErrDamaged, name)
	}
	if err != nil {
		return nil, nil, err
	}
	p, err := decode(name, text)
	if err != nil {
		_ = os.Remove(k.remembered(to, name)) // what is in the destination counts
	}
	if err == nil && p.Town != k.Town {
		return nil, nil, k.others(to, p.TownName)
	}
	return p, text, err
}

// owner is whose Town the points of a destination are of.
type owner struct {
	Town string `json:"town"`
	Name string `json:"name"`
}

func (k *Keeper) others(to Destination, name string) error {
	return town.Fail("use the backups at "+to.Where, "give each Town a destination of its own: gt config backup.to",
		"%w: they are those of the Town %s", town.ErrRefused, town.Clip(name, 80))
}

// checkOwner fails when the destination is another Town's.
func (k *Keeper) checkOwner(ctx context.Context, to Destination, sizes map[string]int64) error {
	if size, ok := sizes[ownerKey]; !ok || size > maxPoint {
		return nil
	}
	text, err := k.read(ctx, to, ownerKey)
	if err != nil {
		return err
	}
	var o owner
	if json.Unmarshal(text, &o) == nil && o.Town != "" && o.Town != k.Town {
		return k.others(to, o.Name)
	}
	return nil
}

// Owner says whose points a destination has; town is empty when it has none.
func (k *Keeper) Owner(ctx context.Context, to Destination) (town, name string, err error) {
	sizes, err := to.List(ctx)
	if err != nil {
		return "", "", err
	}
	if size, ok := sizes[ownerKey]; !ok || size > maxPoint {
		return "", "", nil
	}
	text, err := k.read(ctx, to, ownerKey)
	if err != nil {
		return "", "", err
	}
	var o owner
	if err := json.Unmarshal(text, &o); err != nil {
		return "", "", fmt.Errorf("%w: %s of %s", ErrDamaged, ownerKey, to.Where)
	}
	return o.Town, o.Name, nil
}

// Newest is the newest whole point of a kind that the directory with an instance took, or,
// when it took none, that any directory of the Town took. Points of a directory that did
// not know that another one was promoted are beside those of the active one.
func (k *Keeper) Newest(ctx context.Context, to Destination, kind Kind, instance string) (Entry, error) {
	c, err := k.catalog(ctx, to)
	if err != nil {
		return Entry{}, err
	}
	e, ok := c.newestOf(instance, kind, func(e Entry) bool { return e.Fault == nil })
	if !ok {
		return e, town.Fail("find a point", "gt backup run, in the Town's active directory", "%w: %s has none that is whole", ErrNoPoint, to.Where)
	}
	return e, nil
}

// newestOf is the newest point that accept takes of those that the directory with an
// instance took; when there is none, of all.
func (c *catalog) newestOf(instance string, kind Kind, accept func(Entry) bool) (Entry, bool) {
	if instance != "" {
		if e, ok := c.newest(kind, func(e Entry) bool { return e.Point.Instance == instance && accept(e) }); ok {
			return e, ok
		}
	}
	return c.newest(kind, accept)
}

// newest is the newest point of a kind that accept takes.
func (c *catalog) newest(kind Kind, accept func(Entry) bool) (Entry, bool) {
	for _, e := range slices.Backward(c.entries) {
		if e.Kind == kind && e.Point != nil && accept(e) {
			return e, true
		}
	}
	return Entry{}, false
}
