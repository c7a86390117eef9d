package about

import (
	"context"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/cmd/internal/version"
	"gastown/town/layout"
)

// surroundings is what bd context prints.
type surroundings struct {
	BeadsDir     string `json:"beads_dir"`
	RepoRoot     string `json:"repo_root"`
	IsRedirected bool   `json:"is_redirected"`
	IsWorktree   bool   `json:"is_worktree"`
	Backend      string `json:"backend"`
	Mode         string `json:"dolt_mode"`
	ServerHost   string `json:"server_host,omitempty"`
	Database     string `json:"database"`
	DataDir      string `json:"data_dir"`
	ProjectID    string `json:"project_id"`
	SyncRemote   string `json:"sync_remote,omitempty"`
	Role         string `json:"role"`
	Actor        string `json:"actor"`
	Version      string `json:"bd_version"`
}

// Context is bd context.
func Context() shell.Command {
	return shell.Command{
		Name: "context", Help: "Print which Town, ledger and author a command here works with. The ledger is not opened.",
		Examples:   []string{"bd context", "bd context --json"},
		Permission: shell.MayReadTown, Repeatable: true,
		Define: func(call *shell.Call, _ *kingpin.CmdClause) shell.Action {
			return func(context.Context) error { return showContext(call) }
		},
	}
}

func showContext(call *shell.Call) error {
	h, err := host.Open(call)
	if err != nil {
		return err
	}
	at, err := placeOf(h)
	if err != nil {
		return err
	}
	out := surroundings{
		BeadsDir: at.Path, RepoRoot: at.Town, Backend: "dolt", Mode: "embedded", Database: layout.Ledger, DataDir: at.Database,
		ProjectID: string(h.Config.Town.ID), Role: "maintainer", Actor: h.Actor.Name, Version: version.PublicLevel,
	}
	if external := h.Database(layout.Ledger).External; external != nil {
		out.Mode, out.ServerHost = "server", external.Address
	}
	if len(h.Config.Remotes) > 0 {
		out.SyncRemote = h.Config.Remotes[0].URL
	}
	return call.Show(out, func(p *term.Printer) {
		p.Line("%s", version.Line("bd"))
		for _, row := range [][2]string{
			{"town", out.RepoRoot}, {"marker", out.BeadsDir}, {"ledger", out.DataDir}, {"mode", out.Mode}, {"server", out.ServerHost},
			{"remote", out.SyncRemote}, {"author", out.Actor},
		} {
			if row[1] != "" {
				p.Line("  %-7s %s", row[0], row[1])
			}
		}
	})
}
