// Package backup is the command group gt backup: it takes backup points of the Town,
// lists and proves them, and restores them.
package backup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/backup"
)

// options are the options of the group.
type options struct {
	call *shell.Call
	// to is the name of a destination, file that of a new key.
	to, file, plane string
	point, at       string
	deep, always    bool
	files, dry      bool
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("backup", "Backup points of the Town: take, list, prove and restore them.").HelpLong(shell.Examples(
		"gt config backup.to /mnt/backups", "gt backup run", "gt backup list", "gt backup restore 20310310T120000.000Z"))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Planes, c.Repeatable = host.Planes, true
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			return define(o, clause)
		}
		p.Add(g, c)
	}
	to := func(o *options, c *kingpin.CmdClause) {
		c.Flag("to", "The destination (default: the first of backup.to).").PlaceHolder("NAME").StringVar(&o.to)
	}
	add(shell.Command{
		Name: "run", Help: "Take a point of the databases now, as the Deacon does every hour, and of configuration and files.", Permission: shell.MayAdminTown, Writes: true,
		Examples: []string{"gt backup run", "gt backup run --always"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("always", "Take a point also when nothing has changed.").BoolVar(&o.always)
		return o.run
	})
	add(shell.Command{
		Name: "list", Help: "List the points of a destination: age, size, what they hold, and when a restore was last tested.", Permission: shell.MayReadTown,
		Examples: []string{"gt backup list", "gt backup list --to disk --json"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action { to(o, c); return o.list })
	add(shell.Command{
		Name: "verify", Help: "Look whether a point is whole; with --deep restore it into a scratch directory and compare every row.", Permission: shell.MayAdminTown, Writes: true,
		Examples: []string{"gt backup verify", "gt backup verify 20310310T120000.000Z --deep", "gt backup verify --files --deep"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		to(o, c)
		c.Arg("name", "The point (default: the newest of the databases).").StringVar(&o.point)
		c.Flag("files", "The newest point of configuration and files, not of the databases.").BoolVar(&o.files)
		c.Flag("deep", "Read everything, and test the restore.").BoolVar(&o.deep)
		return o.verify
	})
	add(shell.Command{
		Name: "restore", Help: "Replace the databases, or configuration and files, by those of a point. What is replaced is kept.", Permission: shell.MayAdminTown, Writes: true,
		Alone: true, DryWith: []string{"dry-run"},
		Examples: []string{"gt backup restore 20310310T120000.000Z --dry-run    # what would be lost", "gt backup restore --at 2031-03-10T12:00:00Z", "gt backup restore --plane ledger", "gt backup restore --files"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("to", "The destination (default: the first of backup.to, or the next that has the point NAME).").PlaceHolder("NAME").StringVar(&o.to)
		c.Arg("name", "The point (default: the newest that is whole).").StringVar(&o.point)
		c.Flag("plane", "Only this plane; the others stay as they are.").PlaceHolder("PLANE").EnumVar(&o.plane, host.Planes...)
		c.Flag("at", "The newest point that was taken by then: 90m, 12h or 7d ago, 2031-03-10 or 2031-03-10T12:00:00Z.").PlaceHolder("TIME").StringVar(&o.at)
		c.Flag("files", "The newest point of configuration and files, not of the databases.").BoolVar(&o.files)
		c.Flag("dry-run", "Only say what was written since the point.").BoolVar(&o.dry)
		return o.restore
	})
	add(shell.Command{
		Name: "prune", Help: "Remove points that are older than backup.keep and backup.files_keep, and files that no point needs.", Permission: shell.MayAdminTown, Writes: true,
		Examples: []string{"gt backup prune"},
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.prune })
	add(shell.Command{
		Name: "key", Help: "Make a key in a new file, for backup.key. Whoever loses it loses the backups that it encrypts.", Permission: shell.MayAdminTown, Writes: true,
		Examples: []string{"gt backup key /mnt/usb/town.key"},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Arg("file", "A file that does not exist.").Required().StringVar(&o.file)
		return o.key
	})
	add(shell.Command{
		Name: "status", Help: "Show for each destination when it last had everything, what failed, and the last test of a restore.", Permission: shell.MayReadTown, Default: true,
		Examples: []string{"gt backup status", "gt backup status --json"},
	}, func(o *options, _ *kingpin.CmdClause) shell.Action { return o.status })
}

// keeper opens the Town's backups and finds the destination.
func (o *options) keeper() (*backup.Keeper, backup.Destination, error) {
	h, err := host.Open(o.call)
	if err != nil {
		return nil, backup.Destination{}, err
	}
	k, err := h.Backups()
	if err != nil {
		return nil, backup.Destination{}, err
	}
	d, err := k.Destination(o.to)
	return k, d, err
}

// taken is a point that was taken, or why not.
type taken struct {
	Destination string      `json:"destination"`
	Kind        backup.Kind `json:"kind"`
	Point       string      `json:"point,omitempty"`
	Added       int64       `json:"added_bytes"`
	Unchanged   bool        `json:"unchanged,omitempty"`
	Error       string      `json:"error,omitempty"`
}

func (o *options) run(ctx context.Context) error {
	k, _, err := o.keeper()
	if err != nil {
		return err
	}
	out := struct {
		Taken []taken `json:"taken"`
	}{Taken: []taken{}}
	var failed error
	told := map[string]bool{}
	for _, kind := range []backup.Kind{backup.Databases, backup.Files} {
		all, err := k.Take(ctx, kind, o.always)
		failed = errors.Join(failed, err)
		for _, t := range all {
			one := taken{Destination: t.Destination, Kind: kind, Unchanged: t.Unchanged}
			if t.Err != nil {
				one.Error = shell.Message(t.Err)
				if !told[one.Error] { // one trouble of a destination is told once
					told[one.Error], failed = true, errors.Join(failed, t.Err)
				}
			}
			if t.Point != nil && t.Err == nil {
				one.Point, one.Added = t.Point.Name, t.Point.Added
			}
			out.Taken = append(out.Taken, one)
		}
	}
	err = o.call.Summary(out, func(p *term.Printer) {
		for _, t := range out.Taken {
			switch {
			case t.Unchanged:
				p.Line("%s: nothing has changed in the %s", t.Destination, t.Kind)
			case t.Error == "":
				p.Line("%s: %s holds the %s; it added %s", t.Destination, t.Point, t.Kind, term.Size(t.Added))
			}
		}
	})
	return errors.Join(failed, err)
}

func (o *options) prune(ctx context.Context) error {
	k, _, err := o.keeper()
	if err != nil {
		return err
	}
	all, err := k.Prune(ctx)
	type pruned struct {
		Destination string   `json:"destination"`
		Points      []string `json:"points"`
		Files       int      `json:"files"`
		Bytes       int64    `json:"bytes"`
		Held        string   `json:"held,omitempty"`
	}
	out := struct {
		Pruned []pruned `json:"pruned"`
	}{Pruned: []pruned{}}
	for _, p := range all {
		err = errors.Join(err, p.Err)
		out.Pruned = append(out.Pruned, pruned{p.Destination, append([]string{}, p.Points...), p.Files, p.Bytes, p.Held})
	}
	return errors.Join(err, o.call.Summary(out, func(p *term.Printer) {
		for _, d := range out.Pruned {
			p.Line("%s: removed %s and %s, %s", d.Destination, term.Plural(len(d.Points), "point", "points"), term.Plural(d.Files, "file", "files"), term.Size(d.Bytes))
			if d.Held != "" {
				p.Styled(term.Head, "%s: no file was removed: %s", d.Destination, d.Held)
			}
		}
	}))
}

// key makes a key.
func (o *options) key(context.Context) error {
	path := o.file
	if !filepath.IsAbs(path) {
		path = filepath.Join(o.call.Dir, path)
	}
	public, err := backup.MakeKey(path)
	if err != nil {
		return err
	}
	out := struct {
		File   string `json:"file"`
		Public string `json:"public"`
	}{path, public}
	return o.call.Summary(out, func(p *term.Printer) {
		p.Line("%s holds a new key; keep a copy of it elsewhere, without it nobody reads the backups", out.File)
		p.Line("next: gt config backup.key %s", out.File)
	})
}

// since is the time of --at; zero for none. A time in whole seconds, as gt backup list prints
// it, is the end of its second.
func (o *options) since() (time.Time, error) {
	if o.at == "" {
		return time.Time{}, nil
	}
	if o.point != "" {
		return time.Time{}, town.Fail("restore", "leave out --at or the name", "%w: both a point and a time are given", town.ErrUsage)
	}
	now := o.call.Now()
	at, err := shell.Moment("--at", o.at, now)
	if err == nil && (at.IsZero() || at.After(now)) {
		err = town.Fail("restore", "gt backup list shows when points were taken", "%w: --at %q is not a time in the past", town.ErrUsage, town.Clip(o.at, 40))
	}
	if at.Nanosecond() == 0 {
		at = at.Add(time.Second - time.Nanosecond)
	}
	return at, err
}

// choose finds the point that the command is about.
func (o *options) choose(ctx context.Context, k *backup.Keeper, to backup.Destination, at time.Time) (backup.Entry, error) {
	kind := backup.Databases
	if o.files {
		kind = backup.Files
	}
	e, err := k.Choose(ctx, to, kind, o.point, at)
	if err == nil && o.files && e.Kind != backup.Files {
		err = town.Fail("find a point", "gt backup list", "%w: the point %s has no files", town.ErrUsage, e.Name)
	}
	return e, err
}

func (o *options) verify(ctx context.Context) error {
	k, to, err := o.keeper()
	if err != nil {
		return err
	}
	e, err := o.choose(ctx, k, to, time.Time{})
	if err != nil {
		return err
	}
	done, err := k.Verify(ctx, to, e.Name, o.deep)
	if err != nil {
		return fmt.Errorf("verify the point %s: %w", e.Name, err)
	}
	out := struct {
		Destination string `json:"destination"`
		Point       string `json:"point"`
		Deep        bool   `json:"deep"`
		Files       int    `json:"files"`
		Bytes       int64  `json:"bytes"`
	}{to.Name, e.Name, done.Deep, len(done.Point.Items()), done.Point.Size()}
	return o.call.Summary(out, func(p *term.Printer) {
		if out.Deep && e.Kind == backup.Files {
			p.Line("%s was brought into a scratch directory: all of its %s are sound", out.Point, term.Plural(out.Files, "file", "files"))
			return
		}
		if out.Deep {
			p.Line("%s was restored into a scratch directory: all of its %s are sound, and every row is there", out.Point, term.Plural(out.Files, "file", "files"))
			return
		}
		p.Line("%s has all of its %s, %s", out.Point, term.Plural(out.Files, "file", "files"), term.Size(out.Bytes))
		p.Line("what is in them was not read; gt backup verify %s --deep tests the restore", out.Point)
	})
}
