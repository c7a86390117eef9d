package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/backup"
)

// listed is a point for printing.
type listed struct {
	Name   string      `json:"name"`
	Kind   backup.Kind `json:"kind"`
	Taken  time.Time   `json:"taken"`
	Size   int64       `json:"size_bytes"`
	Added  int64       `json:"added_bytes"`
	Holds  string      `json:"holds"`
	Proven *time.Time  `json:"proven,omitempty"`
	Fault  string      `json:"fault,omitempty"`
	// Encrypted says that its files are.
	Encrypted bool `json:"encrypted"`
	// WrongDate says that it was taken under a clock that was ahead.
	WrongDate bool `json:"wrong_date,omitempty"`
}

func (o *options) list(ctx context.Context) error {
	k, to, err := o.keeper()
	if err != nil {
		return err
	}
	all, err := k.List(ctx, to)
	if err != nil {
		return err
	}
	passed, next, err := k.PassedOver(ctx, to)
	if err != nil {
		return err
	}
	out := struct {
		Destination string   `json:"destination"`
		Where       string   `json:"where"`
		Points      []listed `json:"points"`
		// PassedOver are those that cannot be used with backup.key as it is.
		PassedOver int `json:"passed_over,omitempty"`
	}{to.Name, to.Where, []listed{}, passed}
	for _, e := range all {
		l := listed{Name: e.Name, Kind: e.Kind, Taken: e.Taken, WrongDate: e.Taken.After(e.Dated)}
		if !e.Proven.IsZero() {
			l.Proven = &e.Proven
		}
		if e.Point != nil {
			l.Size, l.Added, l.Holds, l.Encrypted = e.Point.Size(), e.Point.Added, holds(e.Point), e.Point.Encrypted
		}
		if e.Fault != nil {
			l.Fault = shell.Message(e.Fault)
		}
		out.Points = append(out.Points, l)
	}
	return o.call.Show(out, func(p *term.Printer) {
		if passed > 0 {
			was := "not encrypted"
			if !to.Encrypts() {
				was = "encrypted"
			}
			p.Styled(term.Head, "%s left out, %s, from before backup.key was changed; to use them: %s", term.Plural(passed, "point is", "points are"), was, next)
		}
		if len(out.Points) == 0 {
			p.Line("no points in %s yet; gt backup run takes one", out.Where)
			return
		}
		var rows [][]string
		for _, l := range out.Points {
			proven := "never"
			if l.Proven != nil {
				proven = o.call.Ago(*l.Proven)
			}
			what := l.Holds
			if l.WrongDate {
				what = "WRONG DATE, " + what
			}
			if l.Fault != "" {
				what = "DAMAGED: " + l.Fault
			}
			rows = append(rows, []string{l.Name, o.call.Ago(l.Taken), term.Size(l.Size), term.Size(l.Added), proven, what})
		}
		p.Table([]string{"POINT", "AGE", "SIZE", "ADDED", "PROVEN", "HOLDS"}, rows)
	})
}

// holds says in a few words what a point holds.
func holds(p *backup.Point) string {
	if p.Kind == backup.Files {
		return term.Plural(len(p.Files), "file", "files")
	}
	var all []string
	for _, plane := range p.Planes {
		rows := uint64(0)
		for _, t := range plane.Tables {
			rows += t.Rows
		}
		all = append(all, fmt.Sprintf("%s %d rows", plane.Name, rows))
	}
	return strings.Join(all, ", ")
}

// change is a table that differs, for printing.
type change struct {
	Plane string `json:"plane"`
	Table string `json:"table,omitempty"`
	Then  uint64 `json:"rows_then"`
	Now   uint64 `json:"rows_now"`
}

// notUsed is a destination that a restore went past, for printing.
type notUsed struct {
	Destination string `json:"destination"`
	Reason      string `json:"reason"`
}

// unrestored is the error of a restore that changed nothing. began says that more was done
// than to look for the point e.
func (o *options) unrestored(k *backup.Keeper, e backup.Entry, began bool, err error) error {
	if o.point == "" && o.to == "" && len(k.Destinations) > 1 && backup.Elsewhere(err) {
		// Which point is the newest depends on the destination, so a person chooses one.
		next := "gt backup restore --dry-run --to " + k.Destinations[1].Name + " says what another destination would bring back"
		return town.Fail("restore the newest point", next, "%w; nothing was changed", err)
	}
	if !began {
		return err
	}
	return town.Fail("restore "+cmp.Or(o.point, e.Name), town.Next(err), "%w; nothing was changed", err)
}

func (o *options) restore(ctx context.Context) error {
	at, err := o.since()
	if err != nil {
		return err
	}
	k, to, err := o.keeper()
	if err != nil {
		return err
	}
	places := []backup.Destination{to}
	if o.point != "" && o.to == "" {
		places = k.Destinations
	}
	var e backup.Entry
	began := len(places) > 1
	to, done, passed, err := k.From(ctx, places, func(to backup.Destination) (done backup.Restored, err error) {
		if e, err = o.choose(ctx, k, to, at); err != nil {
			return done, err
		}
		if e.Kind == backup.Files && o.plane != "" {
			return done, town.Fail("restore "+e.Name, "gt backup list", "%w: it has no planes", town.ErrUsage)
		}
		began = true
		if o.dry && e.Fault != nil {
			return done, e.Fault // as the restore would fail
		}
		switch {
		case e.Kind == backup.Files:
			return k.RestoreFiles(ctx, to, e, o.dry)
		case o.dry:
			return k.Changes(ctx, e, o.plane)
		}
		return k.Restore(ctx, to, e, o.plane)
	})
	if err != nil && done.Kept == "" {
		return o.unrestored(k, e, began, err)
	}
	out := struct {
		Point       string    `json:"point"`
		Destination string    `json:"destination"`
		NotUsed     []notUsed `json:"not_used,omitempty"`
		Taken       time.Time `json:"taken"`
		Planes      []string  `json:"planes"`
		Files       []string  `json:"files,omitempty"`
		Changes     []change  `json:"changes"`
		Kept        string    `json:"kept,omitempty"`
		DryRun      bool      `json:"dry_run"`
	}{e.Name, to.Name, nil, e.Taken, append([]string{}, done.Planes...), done.Files, []change{}, done.Kept, o.dry}
	for _, p := range passed {
		out.NotUsed = append(out.NotUsed, notUsed{p.Destination, shell.Message(p.Err)})
	}
	for _, c := range done.Changes {
		out.Changes = append(out.Changes, change(c))
	}
	show := o.call.Changed
	if o.dry {
		show = o.call.Show
	}
	return errors.Join(err, show(out, func(p *term.Printer) {
		verb := "were restored"
		if o.dry {
			verb = "would be restored"
		}
		what := strings.Join(out.Planes, ", ")
		if e.Kind == backup.Files {
			what = term.Plural(len(out.Files), "file", "files")
		}
		for _, one := range out.NotUsed {
			p.Styled(term.Head, "%s was not used: %s", one.Destination, one.Reason)
		}
		if len(out.NotUsed) > 0 {
			p.Line("the point is from %s: %s", to.Name, to.Where)
		}
		p.Line("%s %s from %s, taken %s", what, verb, out.Point, o.call.Ago(out.Taken))
		for _, f := range out.Files {
			p.Line("  %s", f)
		}
		if len(out.Changes) == 0 && e.Kind == backup.Databases {
			p.Line("nothing was written since then")
		}
		for _, c := range out.Changes {
			if c.Table == "" {
				p.Line("  %s: what is there now cannot be read", c.Plane)
				continue
			}
			p.Line("  %s.%s: %d rows then, %d rows now", c.Plane, c.Table, c.Then, c.Now)
		}
		if out.Kept != "" {
			p.Line("what was replaced is in %s", out.Kept)
		}
		if out.Kept != "" && e.Kind == backup.Databases {
			p.Line("next: gt doctor, then gt deacon start")
		}
	}))
}

func (o *options) status(context.Context) error {
	k, _, err := o.keeper()
	if err != nil && !errors.Is(err, backup.ErrNoDestination) {
		return err
	}
	var all []backup.Report
	if k != nil {
		if all, err = k.Status(); err != nil {
			return err
		}
	}
	type kind struct {
		Kind    backup.Kind `json:"kind"`
		Point   string      `json:"point,omitempty"`
		Current *time.Time  `json:"current,omitempty"`
		Error   string      `json:"error,omitempty"`
		// Proof is the last test of a restore.
		Proof backup.Proof `json:"proof"`
	}
	type destination struct {
		Name   string `json:"name"`
		Where  string `json:"where"`
		Kinds  []kind `json:"kinds"`
		Bad    int    `json:"damaged_files"`
		Hidden bool   `json:"encrypted"`
	}
	out := struct {
		Destinations []destination `json:"destinations"`
	}{Destinations: []destination{}}
	for _, r := range all {
		d := destination{Name: r.Name, Where: r.Where, Bad: r.Bad, Hidden: r.Encrypts()}
		for _, k := range []backup.Kind{backup.Databases, backup.Files} {
			note := r.Kinds[k]
			one := kind{Kind: k, Point: note.Point, Error: town.Plain(note.Error), Proof: r.Proofs[k]}
			if at := note.Current(o.call.Now()); !at.IsZero() {
				one.Current = &at
			}
			d.Kinds = append(d.Kinds, one)
		}
		out.Destinations = append(out.Destinations, d)
	}
	return o.call.Show(out, func(p *term.Printer) {
		if len(out.Destinations) == 0 {
			p.Line("backups go nowhere; gt config backup.to /mnt/backups says where to")
		}
		for _, d := range out.Destinations {
			p.Styled(term.Head, "%s: %s", d.Name, d.Where)
			for _, k := range d.Kinds {
				switch {
				case k.Error != "":
					p.Styled(term.Bad, "  %s: the last run failed: %s", k.Kind, k.Error)
				case k.Current == nil:
					p.Line("  %s: no point yet", k.Kind)
				default:
					p.Line("  %s: everything up to %s is in %s", k.Kind, o.call.Ago(*k.Current), k.Point)
				}
			}
			for _, k := range d.Kinds {
				switch {
				case k.Proof.Error != "":
					p.Styled(term.Bad, "  %s: the last test of a restore failed: %s", k.Kind, town.Plain(k.Proof.Error))
				case k.Proof.Point != "":
					p.Line("  %s: a restore of %s was tested %s", k.Kind, k.Proof.Point, o.call.Ago(k.Proof.At))
				default:
					p.Line("  %s: no restore was tested yet", k.Kind)
				}
			}
		}
	})
}
