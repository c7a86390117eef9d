package guard

import (
	"path/filepath"
	"slices"
	"strings"

	"gastown/town"
)

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
		case "resolve":
			return false
		case "list", "show", "status", "log", "diff", "towns", "get", "--help":
			return true
		}
	}
	return (words[0] == "config" || slices.Equal(words, []string{"federation", "conflicts"})) && len(words) == 2
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
