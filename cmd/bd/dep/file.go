package dep

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/cmd/bd/internal/flags"
	"gastown/cmd/bd/internal/session"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/strict"
)

// maxFile is how large a file of links may be, in bytes.
const maxFile = 64 << 20

// fileLink is a line of a file of links: {"from":"gt-a","to":"gt-b","type":"blocks"}, or
// a link as bd export writes it.
type fileLink struct {
	town.Dependency
	From string `json:"from"`
	To   string `json:"to"`
}

// fileDone is what bd dep add --file prints.
type fileDone struct {
	Status string     `json:"status"`
	Count  int        `json:"count"`
	Links  []linkDone `json:"dependencies"`
}

// addFile makes the links of a file, all or none.
func (o *depOptions) addFile(ctx context.Context) error {
	op := "make the links of " + town.Clip(o.file, 200)
	if o.bead+o.target+o.other+o.metadata != "" {
		return session.Fail(op, fmt.Errorf("%w: --file names every link; give no ids and no --metadata beside it", town.ErrUsage))
	}
	text, err := flags.ReadFile(o.call, o.file, maxFile)
	if err != nil {
		return session.Fail(op, err)
	}
	list, lines, err := readLinks(text, o.kind)
	if err != nil {
		return session.Fail(op, err)
	}
	done := fileDone{Status: "added"}
	err = session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.FullByRef(ctx, refsOf(list), func(full map[string]string) error {
			named := make([]town.Dependency, len(list))
			done.Links = make([]linkDone, len(list))
			for i, d := range list {
				d.Bead = full[d.Bead]
				if !ledger.External(d.Target) {
					d.Target = full[d.Target]
				}
				named[i], done.Links[i] = d, linkDone{Bead: d.Bead, Target: d.Target, Type: d.Type}
			}
			done.Count, err = l.DepAdd(ctx, named)
			return atLines(err, lines)
		})
	})
	if err != nil {
		return session.Fail(op, err)
	}
	if done.Count == 0 {
		done.Status = "unchanged"
	}
	return showFile(o.call, done)
}

func showFile(call *shell.Call, done fileDone) error {
	return call.Show(done, func(p *term.Printer) {
		for _, d := range done.Links {
			p.Line("%s depends on %s (%s)", d.Bead, d.Target, d.Type)
		}
		p.Line("%s: %d of %s", done.Status, done.Count, term.Plural(len(done.Links), "link", "links"))
	})
}

// readLinks reads a file of links and the line of each. A link without a type gets the
// usual one.
func readLinks(text, usual string) (list []town.Dependency, lines []int, err error) {
	var bad ledger.BatchError
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		d, err := readLink(line, usual)
		if err != nil {
			bad.Entries = append(bad.Entries, ledger.Entry{Index: len(list), Line: number, Err: err})
		}
		list, lines = append(list, d), append(lines, number)
	}
	switch {
	case len(bad.Entries) > 0:
		return nil, nil, &bad
	case len(list) == 0:
		return nil, nil, fmt.Errorf(`%w: it has no link; write a line such as {"from":"ID","to":"ID"} for each`, town.ErrUsage)
	}
	return list, lines, nil
}

func readLink(line, usual string) (town.Dependency, error) {
	var in fileLink
	if err := strict.JSON([]byte(line), &in); err != nil {
		return town.Dependency{}, fmt.Errorf("%w: %s", town.ErrBadBead, strict.First(err).Reason)
	}
	d := in.Dependency
	if in.From != "" {
		d.Bead = in.From
	}
	if in.To != "" {
		d.Target = in.To
	}
	if d.Bead == "" || d.Target == "" {
		return d, fmt.Errorf("%w: give both from (the bead that waits) and to", town.ErrBadBead)
	}
	if d.Type == "" {
		d.Type = town.DepType(usual)
	}
	var err error
	d.Type, err = town.ParseDepType(string(d.Type))
	return d, err
}

// refsOf are the ends of links that are beads of this ledger.
func refsOf(list []town.Dependency) (refs []string) {
	for _, d := range list {
		refs = append(refs, d.Bead)
		if !ledger.External(d.Target) {
			refs = append(refs, d.Target)
		}
	}
	return refs
}

// atLines adds to the entries of an error the lines that they are on.
func atLines(err error, lines []int) error {
	var bad *ledger.BatchError
	if errors.As(err, &bad) {
		for i, e := range bad.Entries {
			if e.Index < len(lines) {
				bad.Entries[i].Line = lines[e.Index]
			}
		}
	}
	return err
}
