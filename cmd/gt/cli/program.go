package cli

import (
	"gastown/cmd/gt/access"
	"gastown/cmd/gt/agents"
	"gastown/cmd/gt/alert"
	"gastown/cmd/gt/analyze"
	"gastown/cmd/gt/autotune"
	"gastown/cmd/gt/backup"
	"gastown/cmd/gt/benchmark"
	"gastown/cmd/gt/cache"
	"gastown/cmd/gt/config"
	"gastown/cmd/gt/convoy"
	"gastown/cmd/gt/costs"
	"gastown/cmd/gt/crew"
	"gastown/cmd/gt/deacon"
	"gastown/cmd/gt/doctor"
	"gastown/cmd/gt/escalate"
	"gastown/cmd/gt/failover"
	"gastown/cmd/gt/federation"
	"gastown/cmd/gt/feed"
	"gastown/cmd/gt/guard"
	"gastown/cmd/gt/heartbeat"
	"gastown/cmd/gt/hook"
	"gastown/cmd/gt/hooks"
	"gastown/cmd/gt/install"
	"gastown/cmd/gt/mail"
	"gastown/cmd/gt/mayor"
	"gastown/cmd/gt/metrics"
	"gastown/cmd/gt/nudge"
	"gastown/cmd/gt/plugin"
	"gastown/cmd/gt/polecat"
	"gastown/cmd/gt/prime"
	"gastown/cmd/gt/refinery"
	"gastown/cmd/gt/report"
	"gastown/cmd/gt/rig"
	"gastown/cmd/gt/secrets"
	"gastown/cmd/gt/sessions"
	"gastown/cmd/gt/sling"
	"gastown/cmd/gt/status"
	"gastown/cmd/gt/witness"
	"gastown/cmd/gt/worktree"
	"gastown/cmd/internal/about"
	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/version"
)

// Program describes gt for one invocation: its parser and its table of commands.
func Program(i *shell.Invocation) *shell.Program {
	p := shell.NewProgram(shell.Traits{
		Name:    "gt",
		Help:    "Run a Town, and share its roles, formulas and templates with other Towns through a Git repository.",
		Version: version.Number, Rewrite: rewrite, Advice: host.Advice, QuietReview: true,
	}, i)
	p.Begin()
	install.Commands(p)
	status.Commands(p)
	failover.Commands(p)
	sling.Commands(p)
	convoy.Commands(p)
	costs.Commands(p)
	escalate.Commands(p)
	alert.Commands(p)
	mayor.Commands(p)
	polecat.Commands(p)
	hook.Commands(p)
	prime.Commands(p)
	guard.Commands(p)
	heartbeat.Commands(p)
	federation.Commands(p)
	hooks.Commands(p)
	doctor.Commands(p)
	backup.Commands(p)
	deacon.Commands(p)
	cache.Commands(p)
	feed.Commands(p)
	plugin.Commands(p)
	secrets.Commands(p)
	metrics.Commands(p)
	analyze.Commands(p)
	report.Commands(p)
	autotune.Commands(p)
	agents.Commands(p)
	sessions.Commands(p)
	mail.Commands(p)
	nudge.Commands(p)
	rig.Commands(p)
	refinery.Commands(p)
	witness.Commands(p)
	crew.Commands(p)
	worktree.Commands(p)
	config.Commands(p)
	access.Commands(p)
	benchmark.Commands(p)
	about.Commands(p, "gt")
	return p
}
