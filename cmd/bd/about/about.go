// Package about is the commands with which bd describes itself and the place it works
// in: version, where, info, ping and context. Programs call them before anything
// else, to learn whether they can work with this bd and where its data is.
package about

import (
	"context"
	"path/filepath"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/settings"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/cmd/internal/version"
	"gastown/town/layout"
)

// markerDir is the directory in a Town that programs for the public bd look for.
const markerDir = ".beads"

// Version is bd version.
func Version() shell.Command {
	return shell.Command{
		Name: "version", Help: "Print the level of the public bd that this one speaks, its own version, and what it is built on.",
		Examples: []string{"bd version", "bd version --json"},
		NoTown:   true, Permission: shell.MayReadProgram, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(context.Context) error {
				build := shell.NewBuild(version.Number)
				out := struct {
					Version string `json:"version"`
					Build   string `json:"build"`
					Own     string `json:"own_version"`
					Dolt    string `json:"dolt"`
					Go      string `json:"go"`
					System  string `json:"system"`
				}{version.PublicLevel, version.Build(), version.Number, build.Dolt, build.Go, build.System}
				return call.Show(out, func(p *term.Printer) {
					p.Line("%s", version.Line("bd"))
					p.Line("  dolt %s", build.Dolt)
					p.Line("  %s %s", build.Go, build.System)
				})
			}
		},
	}
}

// place is where a Town's beads are.
type place struct {
	Path     string `json:"path"`
	Town     string `json:"town"`
	Prefix   string `json:"prefix"`
	Database string `json:"database_path"`
}

func placeOf(h *host.Host) (place, error) {
	prefix, _, err := h.Config.Get(settings.BeadPrefix)
	return place{filepath.Join(h.Layout.Root, markerDir), h.Layout.Root, prefix, h.Layout.Data(layout.Ledger)}, err
}

// Where is bd where.
func Where() shell.Command {
	return shell.Command{
		Name: "where", Help: "Print where the beads are: the Town, its marker directory, the ledger. The ledger is not opened.",
		Examples:   []string{"bd where", "bd where --json", "bd -C ../elsewhere where"},
		Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(context.Context) error {
				h, err := host.Open(call)
				if err != nil {
					return err
				}
				out, err := placeOf(h)
				if err != nil {
					return err
				}
				return call.Show(out, func(p *term.Printer) {
					p.Line("%s", out.Path)
					p.Line("  town: %s", out.Town)
					p.Line("  prefix: %s", out.Prefix)
					p.Line("  database: %s", out.Database)
				})
			}
		},
	}
}
