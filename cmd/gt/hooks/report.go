package hooks

import (
	"path/filepath"

	"gastown/cmd/internal/term"
	"gastown/sync/gitcmd"
	"gastown/sync/hooks"
)

// hookReport lists the hooks of a repository.
type hookReport struct {
	Directory string `json:"directory"`
	// HooksPath is core.hooksPath. gt uses it and never sets it.
	HooksPath string      `json:"core_hooks_path,omitempty"`
	InTree    bool        `json:"in_working_tree,omitempty"`
	Hooks     []hookEntry `json:"hooks"`
	// Notify lists the Towns that are notified of a push.
	Notify []string `json:"notify,omitempty"`
}

type hookEntry struct {
	Name    string      `json:"name"`
	Path    string      `json:"path"`
	State   hooks.State `json:"state,omitempty"`
	Did     hooks.Did   `json:"did,omitempty"`
	Chained bool        `json:"chained,omitempty"`
	Program string      `json:"program,omitempty"`
	Missing bool        `json:"program_missing,omitempty"`
	Reason  string      `json:"reason,omitempty"`
}

func (o *hooksOptions) report(p gitcmd.Place, d hooks.Directory) (hookReport, error) {
	out := hookReport{Directory: d.Path, HooksPath: d.Configured, InTree: d.InTree, Hooks: []hookEntry{}}
	targets, err := hooks.LoadTargets(filepath.Join(p.CommonDir, hooks.TargetsFile))
	for _, t := range targets {
		out.Notify = append(out.Notify, t.URL)
	}
	return out, err
}

func (out hookReport) head(p *term.Printer) {
	p.Line("Hooks in %s", out.Directory)
	if out.HooksPath != "" {
		p.Line("  where core.hooksPath of the repository leads; it was not changed")
	}
	if out.InTree {
		p.Line("  this is in the working tree: the hooks name paths of this machine, so do not commit them")
	}
}

func (out hookReport) printChanged(p *term.Printer) {
	out.head(p)
	if len(out.Hooks) == 0 {
		p.Line("  nothing to do")
	}
	for _, h := range out.Hooks {
		style := term.Good
		if h.Did == hooks.DidKeep {
			style = term.Bad
		}
		p.Styled(style, "  %s: %s", h.Name, h.Did)
	}
	out.printNotify(p)
}

func (out hookReport) print(p *term.Printer) {
	out.head(p)
	var rows [][]string
	for _, h := range out.Hooks {
		former, program := "", h.Program
		if h.Chained {
			former = "yes"
		}
		if h.Missing {
			program += " (missing)"
		}
		rows = append(rows, []string{h.Name, string(h.State), former, program})
	}
	p.Table([]string{"HOOK", "STATE", "FORMER", "GT"}, rows)
	out.printNotify(p)
}

func (out hookReport) printNotify(p *term.Printer) {
	for _, url := range out.Notify {
		p.Line("  a push notifies %s", url)
	}
}
