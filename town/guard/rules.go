package guard

import (
	"path/filepath"
	"slices"
	"strings"

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
			"sling", "queue clear", "nuke", "polecat nuke", "polecat cleanup", "polecat remove", "rig add", "rig remove", "crew add", "crew remove",
			"worktree", "refinery merge", "witness patrol", "convoy close", "tmux cleanup",
		},
		Why:     "a polecat does one bead; it does not manage others",
		Instead: "make a bead of what should be done (bd create) and tell the Mayor: gt mail send mayor/ -s SUBJECT -m TEXT",
	},
	{
		Name: "change the Town", Kinds: workers, Programs: []string{"gt"},
		Phrases: []string{
			"install", "deacon stop", "deacon restart", "deacon start", "config", "federation", "town", "backup restore", "hooks install", "hooks remove",
			"cache clear", "autotune",
		},
		when:    func(_ call, words []string) bool { return !reads(words) },
		Why:     "a polecat does one bead; the Town is for people and the Mayor to change",
		Instead: "tell the Mayor: gt mail send mayor/ -s SUBJECT -m TEXT",
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

// fileRules are about files that a polecat writes, by a tool or by >.
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

// pushed are the arguments of git push: whether it is forced in earnest or only if
// nobody pushed meanwhile, whether it is about all branches or removes some, and what is
// pushed where.
type pushed struct {
	force, lease, all, remove bool
	refs                      []word
}

func pushOf(c call) (p pushed) {
	words := slices.Clone(skipOptions(c.args, globalOptions["git"]))
	if len(words) > 0 {
		words = words[1:] // push
	}
	remote := false
	for i := 0; i < len(words); i++ {
		text := words[i].text
		switch name, _, _ := strings.Cut(text, "="); {
		case name == "--force-with-lease" || name == "--force-if-includes":
			p.lease = true
		case name == "--force":
			p.force = true
		case name == "--all" || name == "--branches" || name == "--mirror":
			p.all = true
			p.force = p.force || name == "--mirror"
		case name == "--delete" || name == "--prune":
			p.remove = true
		case text == "-o" || text == "--push-option" || text == "--receive-pack" || text == "--exec":
			i++
		case text == "--repo":
			remote = true
			i++
		case name == "--repo":
			remote = true
		case strings.HasPrefix(text, "--"):
		case strings.HasPrefix(text, "-") && len(text) > 1:
			p.force = p.force || strings.Contains(text, "f")
			p.remove = p.remove || strings.Contains(text, "d")
		case !remote:
			remote = true
		default:
			if rest, ok := strings.CutPrefix(text, "+"); ok {
				p.force = true
				words[i].text = rest
			}
			p.refs = append(p.refs, words[i])
		}
	}
	return p
}

// destination is the branch that a refspec goes to.
func (c call) destination(ref word) string {
	from, to, both := strings.Cut(ref.text, ":")
	if !both {
		to = from
	}
	to = strings.TrimPrefix(to, "refs/heads/")
	if to == "HEAD" || to == "@" {
		return c.branch()
	}
	return to
}

// branch is the one that git works on; "" when nobody knows.
func (c call) branch() string {
	dir, known := c.place()
	if !known || c.facts.Current == nil {
		return ""
	}
	return c.facts.Current(dir)
}

func pushesTarget(c call, _ []string) bool {
	p := pushOf(c)
	if p.all {
		return true
	}
	if len(p.refs) == 0 {
		return slices.Contains(c.facts.Targets, c.branch())
	}
	return slices.ContainsFunc(p.refs, func(w word) bool { return slices.Contains(c.facts.Targets, c.destination(w)) })
}

func forces(c call, _ []string) bool {
	p := pushOf(c)
	if p.force {
		return true
	}
	own := func(branch string) bool { return branch != "" && branch == c.facts.Branch }
	if !p.lease || c.facts.Agent.Kind != town.Polecat {
		return false
	}
	if len(p.refs) == 0 {
		return !own(c.branch())
	}
	return slices.ContainsFunc(p.refs, func(w word) bool { return !own(c.destination(w)) })
}

func deletes(c call, _ []string) bool {
	p := pushOf(c)
	return p.remove || slices.ContainsFunc(p.refs, func(w word) bool { return w.known && strings.HasPrefix(w.text, ":") && len(w.text) > 1 })
}

// elsewhere reports whether git works outside of the sandbox, in the Town.
func elsewhere(c call, _ []string) bool {
	dir, known := c.place()
	return known && c.facts.Sandbox != "" && within(c.facts.Town, dir) && !within(c.facts.Sandbox, dir)
}

// ours reports whether tmux is told to use the server that it runs in, or the Town's by
// its socket. Other servers are the agent's own, such as those of a test.
func ours(c call) bool {
	if _, found := c.option("-L"); found {
		return false
	}
	socket, found := c.option("-S")
	return !found || socket.known && socket.text == c.facts.Socket
}

// tmuxCommands are the names of the commands of one call of tmux.
func tmuxCommands(words []string) (names []string) {
	begins := true
	for _, w := range words {
		if begins && w != ";" {
			names = append(names, w)
		}
		begins = w == ";" || strings.HasSuffix(w, ";")
	}
	return names
}

// abbreviates reports whether tmux takes a name for a command's.
func abbreviates(name, command string, least int) bool {
	return len(name) >= least && strings.HasPrefix(command, name)
}

func endsSessions(c call, words []string) bool {
	return ours(c) && slices.ContainsFunc(tmuxCommands(words), func(name string) bool {
		return abbreviates(name, "kill-server", 8) || abbreviates(name, "kill-session", 8) || abbreviates(name, "kill-window", 6) ||
			abbreviates(name, "kill-pane", 6) || name == "killw" || name == "killp" || abbreviates(name, "respawn-pane", 9) || abbreviates(name, "respawn-window", 9)
	})
}

func types(c call, words []string) bool {
	return ours(c) && slices.ContainsFunc(tmuxCommands(words), func(name string) bool {
		return abbreviates(name, "send-keys", 6) || name == "send" || abbreviates(name, "paste-buffer", 3)
	})
}

// reads reports whether words of gt only look.
func reads(words []string) bool {
	for _, word := range words {
		switch word {
		case "list", "show", "status", "log", "diff", "towns", "get", "conflicts", "--help":
			return true
		}
	}
	return words[0] == "config" && len(words) == 2
}

func closesOwn(c call, words []string) bool {
	if c.facts.Bead == "" {
		return false
	}
	named := slices.Contains(words, c.facts.Bead)
	switch words[0] {
	case "update":
		closes := slices.ContainsFunc(words, func(w string) bool {
			return w == "closed" || strings.HasSuffix(w, "=closed") || w == "-sclosed"
		})
		return named && closes
	case "delete":
		return named
	}
	// Without an id bd closes the bead that was last worked on.
	ids := slices.ContainsFunc(words[1:], func(w string) bool {
		return town.CheckBeadID(w) == nil && strings.Contains(w, "-") && !strings.HasPrefix(w, "-")
	})
	return named || !ids && !slices.Contains(words, "--help")
}

// everyProcess reports a kill of -1. As the first word it is a signal.
func everyProcess(c call, _ []string) bool {
	return len(c.args) > 1 && slices.ContainsFunc(c.args[1:], func(w word) bool { return w.text == "-1" })
}

// removesOutside reports a rm that removes directories outside of where it may.
func removesOutside(c call, _ []string) bool {
	recursive := false
	var targets []word
	options := true
	for _, w := range c.args {
		switch {
		case options && w.text == "--":
			options = false
		case options && w.text == "--recursive":
			recursive = true
		case options && strings.HasPrefix(w.text, "--"):
		case options && strings.HasPrefix(w.text, "-") && len(w.text) > 1:
			recursive = recursive || strings.ContainsAny(w.text, "rR")
		default:
			targets = append(targets, w)
		}
	}
	if !recursive {
		return false
	}
	return slices.ContainsFunc(targets, func(w word) bool {
		path, ok := c.path(w)
		// A pattern stands for what is below the directory.
		if ok && !w.known && within(c.facts.Sandbox, path) && !within(filepath.Join(c.facts.Sandbox, ".git"), path) {
			return false
		}
		if ok && !w.known && slices.Contains(c.facts.Temp, path) {
			return false
		}
		return ok && c.facts.outside(path)
	})
}
