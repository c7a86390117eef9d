package failover

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/failover"
	"gastown/town/instance"
	"gastown/town/layout"
)

func standbyCommand() shell.Command {
	return shell.Command{
		Name: "standby", Help: "Make a directory stand by for the Town, kept up to date from its backups. One that stands by looks for newer ones now; the active one steps down.",
		Examples: []string{
			"gt town standby --of /mnt/backups ~/gt      # on a second host: a directory that is empty",
			"gt town standby --of nas:/backups/harbour   # in the active directory: it steps down",
			"gt town standby                             # look for newer backups now",
		},
		Alone: true, NoTown: true, Planes: host.Planes, Permission: shell.MayPromoteTown, Writes: true, Repeatable: true,
		Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			c.Flag("of", "Where the active directory's backups are, in the form of backup.to: a directory, HOST:PATH, rsync://HOST/MODULE/PATH, git+URL or s3://BUCKET/PREFIX.").
				PlaceHolder("PLACE").StringVar(&o.of)
			c.Flag("key", "The file with the key of the backups (default: backup.key).").PlaceHolder("FILE").StringVar(&o.key)
			c.Arg("directory", "Where to stand by (default: the Town's directory).").PlaceHolder("DIR").StringVar(&o.dir)
			return o.standby
		},
	}
}

// stood is what gt town standby prints.
type stood struct {
	Town    string            `json:"town"`
	Path    string            `json:"path"`
	Stepped bool              `json:"stepped_down"`
	New     bool              `json:"restored"`
	Kept    string            `json:"kept,omitempty"`
	Standby *instance.Standby `json:"standby"`
}

func (o *options) standby(ctx context.Context) error {
	if o.key != "" {
		o.key = o.call.Abs(o.key)
	}
	h, err := o.standbyHost(ctx)
	if err != nil {
		return err
	}
	ft, err := h.Failover()
	if err != nil {
		return err
	}
	out := stood{Town: h.Config.Town.Name, Path: h.Layout.Root}
	if o.of != "" {
		place, err := h.CheckPlace(ctx, o.of, o.key)
		if err != nil {
			return err
		}
		if out.Stepped, err = ft.StandBy(ctx, place, h.LastBackup(o.of, o.key)); err != nil {
			return town.Fail("stand by", town.Next(err), "%w; what is here is kept, no controller acts here, and running it again goes on", err)
		}
		if ft, err = h.Failover(); err != nil {
			return err
		}
	}
	done, err := ft.Refresh(ctx)
	if err != nil {
		return err
	}
	if err := o.complete(ctx, h); err != nil {
		return err
	}
	note, _, err := h.InstanceDir().Look()
	if err != nil {
		return err
	}
	out.New, out.Kept, out.Standby = done.New, done.Kept, note.Standby
	return o.call.Changed(out, func(p *term.Printer) { out.print(p, o.call, done) })
}

// complete makes what does not come with backups: the files of documents, for instance.
func (o *options) complete(ctx context.Context, h *host.Host) (err error) {
	unlock, err := o.call.Lock(ctx, h.Layout, "install")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	_, err = h.Complete(ctx)
	return err
}

func (out stood) print(p *term.Printer, call *shell.Call, done failover.Refreshed) {
	if out.Stepped {
		p.Line("%s has stepped down: no directory is active for Town %s", out.Path, out.Town)
	}
	p.Line("%s stands by for Town %s", out.Path, out.Town)
	if out.Standby != nil {
		printStandby(p, call, out.Standby)
	}
	if out.Kept != "" {
		p.Line("what was replaced is in %s", out.Kept)
	}
	if out.Stepped {
		p.Line("next: gt town promote, in the directory that goes on")
		return
	}
	p.Line("next: gt deacon start keeps it up to date")
}

// standbyHost opens the directory that is to stand by. One that is empty or missing
// begins to.
func (o *options) standbyHost(ctx context.Context) (*host.Host, error) {
	if o.dir == "" {
		return host.Open(o.call)
	}
	t := layout.Town{Root: o.call.Abs(o.dir)}
	vacant, err := host.Vacant(t)
	if err != nil {
		return nil, err
	}
	if !vacant {
		call := *o.call
		call.Town = t.Root
		o.call = &call
		if call.Gate != nil { // what it decided was about the Town of the working directory, if there is one
			if err := call.Gate.Check(ctx, o.call, &shell.Prepared{Name: call.Name, Command: standbyCommand(), Town: t.Root}); err != nil {
				return nil, err
			}
		}
		return host.Open(o.call)
	}
	op := "stand by in " + t.Root
	if o.of == "" {
		return nil, town.Fail(op, "gt town standby --of PLACE "+o.dir, "%w: there is no Town yet; say where its backups are", town.ErrUsage)
	}
	if outer, err := layout.Find(filepath.Dir(t.Root)); err == nil {
		return nil, town.Fail(op, "choose a directory outside of it", "%w: it lies inside the Town %s", town.ErrRefused, outer.Root)
	}
	if err := os.MkdirAll(t.Root, 0o700); err != nil {
		return nil, err
	}
	if err := errors.Join(t.Link(), t.Claim()); err != nil {
		return nil, err
	}
	if err := host.BeginStandby(ctx, o.call, t, o.of, o.key); err != nil {
		return nil, err
	}
	return host.Bootstrap(ctx, o.call, t, o.of, o.key)
}
