package host

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/town"
	"gastown/town/backup"
	"gastown/town/config"
	"gastown/town/failover"
	"gastown/town/instance"
	"gastown/town/layout"
)

// reachable bounds how long a promotion waits for one remote, and for the backups.
const reachable = 20 * time.Second

// InstanceDir is the directory of the Town, as package instance tells it apart from
// others.
func (h *Host) InstanceDir() instance.Dir { return instanceDir(h.call, h.Layout) }

func instanceDir(c *shell.Call, t layout.Town) instance.Dir {
	return instance.Dir{Root: t.Root, File: t.Instance(), Lock: t.Lock("instance"), Wait: c.Wait, Now: c.Now}
}

// Failover moves the Town to this directory, and keeps the directory up to date while it
// stands by.
func (h *Host) Failover() (*failover.Town, error) {
	note, _, err := h.InstanceDir().Look()
	if err != nil {
		return nil, err
	}
	t := &failover.Town{
		Dir: h.InstanceDir(), Engine: h.Engine(EngineOptions{}), Remotes: h.Remotes(), Reachable: reachable, Now: h.call.Now,
		Lock: h.Layout.Lock("failover"), Wait: h.call.Wait, Command: h.call.Name,
		Tell: func(what string) { h.call.Progress().Step(what, 0, 0, "") },
	}
	if by := note.Standby; by != nil && by.Of != "" {
		t.Keeper, _, t.Unusable = h.follows(by.Of, by.Key)
	}
	return t, nil
}

// follows returns a keeper that restores from one destination, and the destination. It
// leaves the files of documents alone, which come with the databases.
func (h *Host) follows(of, key string) (k *backup.Keeper, to backup.Destination, err error) {
	if k, err = h.Backups(); err != nil {
		return nil, to, err
	}
	places, err := backupPlaces(h.Layout, of)
	if err != nil {
		return nil, to, town.Fail("stand by", "gt town standby --of PLACE", "%w", err)
	}
	if len(places) != 1 {
		return nil, to, town.Fail("stand by", "gt town standby --of PLACE", "%w: one place of backups is expected", town.ErrUsage)
	}
	if key == "" {
		key = h.named("backup.key")
	}
	if k.Destinations, err = h.openPlaces(places, key); err != nil {
		return nil, to, err
	}
	k.Spare = func(path string) bool { return strings.HasPrefix(path, "federation/") }
	return k, k.Destinations[0], nil
}

// CheckPlace fails unless a directory can stand by from a place: it has backups of this
// Town that can be read, or the last backup of this directory goes there. It is asked before
// anything changes, because the active directory stops its controllers first.
func (h *Host) CheckPlace(ctx context.Context, of, key string) (place failover.Place, err error) {
	place = failover.Place{Of: of, Key: key}
	op := "stand by from " + town.Clip(of, 200)
	k, to, err := h.follows(of, key)
	if err != nil {
		return place, err
	}
	owner, _, err := k.Owner(ctx, to)
	switch {
	case err != nil:
	case owner != "":
		var newest backup.Entry
		if newest, err = k.Newest(ctx, to, backup.Databases, ""); err == nil {
			by := newest.Point.Instance // "" in points of former versions
			place.Others = by != "" && by != k.Instance
		}
	case text(h.Config, "backup.to") != "":
		return place, town.Fail(op, "gt backup status", "%w: %s has no backups of a Town", town.ErrRefused, to.Where)
	}
	if err != nil {
		return place, town.Fail(op, town.Next(err), "%w", err)
	}
	return place, nil
}

// sees fails when the newest point at the place that this directory is to follow is not the
// last one that it took itself: the place would bring back an older Town.
func (h *Host) sees(ctx context.Context, k *backup.Keeper, of, key string) error {
	f, to, err := h.follows(of, key)
	if err != nil {
		return err
	}
	there, err := f.Newest(ctx, to, backup.Databases, k.Instance)
	if err != nil {
		return err
	}
	var failed error
	for _, d := range k.Destinations {
		e, err := k.Newest(ctx, d, backup.Databases, k.Instance)
		if err == nil && e.Name == there.Name {
			return nil
		}
		failed = errors.Join(failed, err)
	}
	return errors.Join(failed, town.Fail("stand by from "+to.Where, "gt town standby --of PLACE",
		"%w: its newest point is %s, and the last backup of this directory is not there", town.ErrRefused, there.Name))
}

// LastBackup takes the last points of a directory that is about to step down: at the Town's
// destinations, or where it has none at the place that it then follows.
func (h *Host) LastBackup(of, key string) func(context.Context) error {
	return func(ctx context.Context) error {
		h.reloadDeacon(ctx) // it notices the role, and ends what acts
		k, err := h.Backups()
		if err == nil && len(k.Destinations) == 0 {
			k, _, err = h.follows(of, key)
		}
		if err != nil {
			return err
		}
		k.Passive = nil
		for _, kind := range []backup.Kind{backup.Databases, backup.Files} {
			all, err := k.Take(ctx, kind, false)
			for _, t := range all {
				err = errors.Join(err, t.Err)
			}
			if err != nil {
				return err
			}
		}
		return h.sees(ctx, k, of, key)
	}
}

// Bootstrap restores the configuration of a Town from its backups into a directory without
// a Town, which is to stand by for it.
func Bootstrap(ctx context.Context, c *shell.Call, t layout.Town, of, key string) (*Host, error) {
	op := "stand by in " + t.Root
	h := New(c, t, config.New("standby")) // stands for one that is not there yet
	k, to, err := h.follows(of, key)
	if err != nil {
		return nil, err
	}
	id, name, err := k.Owner(ctx, to)
	if err != nil {
		return nil, town.Fail(op, town.Next(err), "look at %s: %w", to.Where, err)
	}
	if id == "" {
		return nil, town.Fail(op, "gt backup run, in the Town's active directory", "%w: %s has no backups of a Town", town.ErrRefused, to.Where)
	}
	k.Town, k.TownName, k.Stays = id, name, nil
	k.Spare = func(path string) bool { return !strings.HasPrefix(path, "config/") }
	files, err := k.Newest(ctx, to, backup.Files, "")
	if err != nil {
		return nil, err
	}
	if _, err := k.RestoreFiles(ctx, to, files, false); err != nil {
		return nil, err
	}
	cfg, err := config.Load(t.Config())
	if err != nil {
		return nil, err
	}
	if string(cfg.Town.ID) != id {
		return nil, town.Fail(op, "gt backup list, in the Town's active directory", "%w: the configuration in %s is that of another Town", town.ErrRefused, files.Name)
	}
	return New(c, t, cfg), nil
}

// Vacant reports whether a directory can become one that stands by for a Town that it does
// not hold yet: it is missing or empty, or an earlier attempt was interrupted.
func Vacant(t layout.Town) (bool, error) {
	if _, err := os.Stat(t.Config()); err == nil {
		return false, nil
	}
	entries, err := os.ReadDir(t.Root)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && e.Name() != "config" {
			return false, town.Fail("stand by in "+t.Root, "choose an empty directory, or one that does not exist yet",
				"%w: it holds no Town and is not empty (%s)", town.ErrRefused, town.Clip(e.Name(), 64))
		}
	}
	return true, nil
}

// BeginStandby notes in a directory without a Town that it stands by, before anything of
// the Town is in it: nothing ever acts there unasked.
func BeginStandby(ctx context.Context, c *shell.Call, t layout.Town, of, key string) error {
	_, err := instanceDir(c, t).StandBy(ctx, func(by *instance.Standby) *instance.Standby {
		if by == nil {
			by = &instance.Standby{Since: c.Now().UTC()}
		}
		by.Of, by.Key = of, key // an earlier attempt may have named another place
		return by
	})
	return err
}
