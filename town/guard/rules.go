package guard

import (
	"path/filepath"

	"gastown/town"
)

// Rule is something that agents may not do.
type Rule struct {
	Name string
	// Kinds are the agents that it is for; none is every agent.
	Kinds []town.AgentKind
	// Programs are the programs that it is about. Phrases are how their words begin,
	// options before the subcommand left out; none is any.
	Programs, Phrases []string
	// Why is the reason, Instead the right way. Neither ends with a full stop.
	Why, Instead string
	// when is a further condition. words are as for Phrases.
	when func(c call, words []string) bool
}

var workers = []town.AgentKind{town.Polecat}

// Rules are all of them. The first that matches decides.
var Rules = []Rule{
	{
		Name: "push to the target branch", Kinds: workers, Programs: []string{"git"}, Phrases: []string{"push"}, when: pushesTarget,
		Why:     "changes reach that branch through the merge queue, which tests them first",
		Instead: "commit on your own branch and run: gt done",
	},
	{
		Name: "forced push", Programs: []string{"git"}, Phrases: []string{"push"}, when: forces,
		Why:     "it takes away commits that somebody else may have",
		Instead: "push without force; after a rebase of your own branch: git push --force-with-lease origin YOUR-BRANCH",
	},
	{
		Name: "remove a branch of the remote", Kinds: workers, Programs: []string{"git"}, Phrases: []string{"push"}, when: deletes,
		Why:     "the commits on it may be nowhere else",
		Instead: "leave it; branches are removed once they have landed",
	},
	{
		Name: "remove sandboxes", Programs: []string{"git"}, Phrases: []string{"worktree remove", "worktree prune", "worktree move"},
		Kinds:   workers,
		Why:     "sandboxes may hold work that no remote has, also those of others",
		Instead: "leave your sandbox as it is; gt done gives it back, and a person removes one with gt polecat nuke, which rescues first",
	},
	{
		Name: "remove objects or stashes", Kinds: workers, Programs: []string{"git"},
		Phrases: []string{"prune", "reflog expire", "reflog delete", "stash clear", "gc --prune=now", "gc --prune=all"},
		Why:     "all sandboxes of a rig share one clone, so this removes what others have not pushed",
		Instead: "leave them; gt collects garbage where it is safe",
	},
	{
		Name: "change the remotes", Kinds: workers, Programs: []string{"git"},
		Phrases: []string{"remote add", "remote remove", "remote rm", "remote rename", "remote set-url"},
		Why:     "all sandboxes of a rig share one clone and its remotes",
		Instead: "ask the Mayor: gt mail send mayor/ -s SUBJECT -m TEXT",
	},
	{
		Name: "change another working tree", Kinds: workers, Programs: []string{"git"}, when: elsewhere,
		Phrases: []string{"reset", "clean", "checkout", "switch", "restore", "stash", "rebase", "merge", "commit", "am"},
		Why:     "you would change or lose the work of somebody else",
		Instead: "work in your own sandbox",
	},
	{
		Name: "merge past the queue", Kinds: workers, Programs: []string{"gh", "glab"}, Phrases: []string{"pr merge", "mr merge"},
		Why:     "changes land through the merge queue, which tests them first",
		Instead: "gt done",
	},
	{
		Name: "end sessions", Programs: []string{"tmux"}, when: endsSessions,
		Why:     "every agent of the Town lives in that tmux server",
		Instead: "end your own work with gt done; a person ends a session with gt polecat nuke",
	},
	{
		Name: "type into a session", Programs: []string{"tmux"}, when: types,
		Why:     "text that is typed into a session can be lost, or mix with what somebody types",
		Instead: "gt nudge AGENT TEXT",
	},
	{
		Name: "give out or take away work", Kinds: workers, Programs: []string{"gt"},
		Phrases: []string{
			"sling", "queue clear", "nuke", "polecat nuke", "polecat cleanup", "polecat remove", "rig add", "rig rebalance", "rig remove", "crew add", "crew remove",
			"worktree", "refinery merge", "refinery test", "refinery verify", "refinery retry", "refinery reject", "witness patrol", "polecat patrol", "convoy create", "convoy add", "convoy remove", "convoy close",
			"convoy land", "convoy check", "mayor start", "mayor stop", "tmux cleanup",
		},
		Why:     "a polecat does one bead; it does not manage others",
		Instead: "make a bead of what should be done (bd create) and tell the Mayor: gt mail send mayor/ -s SUBJECT -m TEXT",
	},
	{
		Name: "change the Town", Kinds: workers, Programs: []string{"gt"},
		Phrases: []string{
			"install", "deacon stop", "deacon restart", "deacon start", "deacon reload", "deacon run", "config", "federation", "town promote", "town standby",
			"backup run", "backup verify", "backup restore", "backup prune", "backup key",
			"hooks install", "hooks remove", "hooks secret", "cache clear", "cache refresh", "cache warmup", "autotune", "agents test", "alert silence",
			"alert unsilence", "alert test", "monitor enable", "monitor disable", "plugin run", "plugin test", "plugin enable", "plugin disable",
			"plugin install", "refinery pause", "refinery resume", "refinery queue.size", "refinery parallelism",
		},
		when:    func(_ call, words []string) bool { return !reads(words) },
		Why:     "a polecat does one bead; the Town is for people and the Mayor to change",
		Instead: "tell the Mayor: gt mail send mayor/ -s SUBJECT -m TEXT",
	},
	{
		Name: "change the Town's ledger settings", Kinds: workers, Programs: []string{"bd"},
		Phrases: []string{"init", "setup", "config set", "config set-many", "config unset"},
		Why:     "a polecat does one bead; the Town is for people and the Mayor to change",
		Instead: "tell the Mayor: gt mail send mayor/ -s SUBJECT -m TEXT",
	},
	{
		Name: "type into a session of gt", Kinds: workers, Programs: []string{"gt"}, Phrases: []string{"attach", "mayor attach"},
		Why:     "text that is typed into a session can be lost, or mix with what somebody types",
		Instead: "gt nudge AGENT TEXT",
	},
	{
		Name: "close your own bead", Kinds: workers, Programs: []string{"bd"}, Phrases: []string{"close", "done", "update", "delete"}, when: closesOwn,
		Why:     "a bead closes when its change is on the target branch",
		Instead: "gt done; it submits your branch, and the bead closes when it has landed",
	},
	{
		Name: "end processes by name", Programs: []string{"pkill", "killall"},
		Why:     "programs of that name also belong to other agents",
		Instead: "kill PID of a process that you started",
	},
	{
		Name: "end every process", Programs: []string{"kill"}, when: everyProcess,
		Why:     "it ends every process of this user, other agents too",
		Instead: "kill PID of a process that you started",
	},
	{
		Name: "remove files outside of the sandbox", Kinds: workers, Programs: []string{"rm"}, when: removesOutside,
		Why:     "you would remove files that are not yours, or what ties your sandbox to its repository",
		Instead: "remove files below your sandbox or in a temporary directory, by their names",
	},
}

// fileRules are about files that a polecat writes: by a tool, by >, or by a program such as tee.
var fileRules = []struct {
	name, why, instead string
	forbids            func(f Facts, path string) bool
}{
	{
		"write outside of the sandbox", "that part of the Town belongs to others", "write below your sandbox",
		func(f Facts, path string) bool { return within(f.Town, path) && !within(f.Sandbox, path) },
	},
	{
		"change the tie to the repository", "without it nothing in your sandbox can be saved", "leave .git alone; use git",
		func(f Facts, path string) bool { return within(filepath.Join(f.Sandbox, ".git"), path) },
	},
}
