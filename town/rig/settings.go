package rig

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town"
	"gastown/town/github"
)

// Merge says how a rig's changes land.
type Merge string

// The ways in which changes land.
const (
	// MergeDirect pushes to the target branch.
	MergeDirect Merge = "direct"
	// MergePR leaves changes that passed to the host, which merges their branches.
	MergePR Merge = "pr"
	// MergeLocal has no remote: the rig's bare clone is where changes land.
	MergeLocal Merge = "local"
)

// Merges are all of them.
var Merges = []Merge{MergeDirect, MergePR, MergeLocal}

// defaultTimeout ends a check that says nothing else.
const defaultTimeout = 30 * time.Minute

// Settings are a rig's entry of config/rigs.yaml.
type Settings struct {
	Name string `yaml:"name" json:"name"`
	// URL is where the rig was cloned from: an address that git knows or an absolute path.
	URL string `yaml:"url" json:"url"`
	// Prefix begins the ids of the rig's beads.
	Prefix string `yaml:"prefix" json:"prefix"`
	// Branch is the target branch, as a short name.
	Branch string `yaml:"branch" json:"branch"`
	Merge  Merge  `yaml:"merge,omitempty" json:"merge"`
	// Checks run before a change lands, in this order.
	Checks []Check `yaml:"checks,omitempty" json:"checks"`
	// Agent is the preset of the rig's agents; "" for the Town's.
	Agent string `yaml:"agent,omitempty" json:"agent,omitempty"`
	// Pool is how many working trees are kept ready.
	Pool int `yaml:"pool,omitempty" json:"pool,omitempty"`
	// Refinery says how the rig's merge queue works.
	Refinery Refinery `yaml:"refinery,omitempty" json:"refinery,omitzero"`
	// Pulls says where pull requests are opened, for a rig whose host merges.
	Pulls Pulls `yaml:"pull_requests,omitempty" json:"pull_requests,omitzero"`
	// Limits bound all sessions of the rig together.
	Limits Limits `yaml:"limits,omitempty" json:"limits,omitzero"`
}

// Refinery says how a rig's merge queue works. A number that is not set is the Town's.
type Refinery struct {
	// QueueSize is how many requests are looked at in one pass, Parallelism how many
	// checks run at once, BatchSize how many requests are tested together.
	QueueSize   int `yaml:"queue_size,omitempty" json:"queue_size,omitempty"`
	Parallelism int `yaml:"parallelism,omitempty" json:"parallelism,omitempty"`
	BatchSize   int `yaml:"batch_size,omitempty" json:"batch_size,omitempty"`
}

// Pulls says where a rig's pull requests are opened. What is left out follows from the
// rig's address, when that is at GitHub.
type Pulls struct {
	// API is the address of the host's API; Repository is OWNER/NAME.
	API        string `yaml:"api,omitempty" json:"api,omitempty"`
	Repository string `yaml:"repository,omitempty" json:"repository,omitempty"`
	// TokenEnv names the variable that holds the token (GITHUB_TOKEN, or else GH_TOKEN).
	TokenEnv string `yaml:"token_env,omitempty" json:"token_env,omitempty"`
}

func (p Pulls) check() (key string, err error) {
	if p.API != "" {
		if err := github.CheckAPI(p.API); err != nil {
			return "api", err
		}
	}
	if p.Repository != "" {
		if _, err := github.ParseRepository(p.Repository); err != nil {
			return "repository", err
		}
	}
	if p.TokenEnv != "" && !variablePattern.MatchString(p.TokenEnv) {
		return "token_env", fmt.Errorf("token_env is the name of a variable, not a token")
	}
	return "", nil
}

// PullsAt is where the rig's pull requests are opened; ok is false when nothing says that.
// asked reports that config/rigs.yaml does, and not only the rig's address.
func (s Settings) PullsAt() (at github.Repository, asked, ok bool) {
	host, at, ok := github.Remote(s.URL)
	ok = ok && host == "github.com"
	if r, err := github.ParseRepository(s.Pulls.Repository); err == nil {
		at, ok = r, ok || s.Pulls.API != ""
	} else if s.Pulls.API != "" {
		_, at, ok = github.Remote(s.URL)
	}
	at.API = s.Pulls.API
	return at, s.Pulls != (Pulls{}), ok && s.Merge == MergePR
}

// Limits bound a rig. A limit that is not set is the Town's (rig.memory, rig.cpu).
type Limits struct {
	// Memory is a size such as 16GB.
	Memory string `yaml:"memory,omitempty" json:"memory,omitempty"`
	// CPU is a number of cores.
	CPU int `yaml:"cpu,omitempty" json:"cpu,omitempty"`
}

// Check is a command that must succeed before a change lands.
type Check struct {
	Name string `yaml:"name" json:"name"`
	// Command is a program and its arguments. No shell is started.
	Command []string `yaml:"command,flow" json:"command"`
	// Timeout ends the check (30 minutes when it is zero).
	Timeout time.Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// Required is false for a check that runs and keeps nothing from landing.
	Required *bool `yaml:"required,omitempty" json:"required,omitempty"`
	// Environment are variables for the command, beside the usual ones.
	Environment map[string]string `yaml:"environment,omitempty" json:"environment,omitempty"`
}

// Must reports whether the check has to pass.
func (c Check) Must() bool { return c.Required == nil || *c.Required }

// Within is how long the check may take.
func (c Check) Within() time.Duration { return cmp.Or(c.Timeout, defaultTimeout) }

// HasRemote reports whether work of the rig is pushed anywhere.
func (s Settings) HasRemote() bool { return s.Merge != MergeLocal }

var sizePattern = regexp.MustCompile(`^[1-9][0-9]{0,9}(\.[0-9]{1,3})?([KMGT]i?B)$`)

// MaxPool is the largest pool.
const MaxPool = 200

const (
	maxPrefix  = 20
	maxChecks  = 50
	maxCommand = 4096 // bytes of a check's words together
	maxCPU     = 4096
)

// check reports the first thing that is wrong with an entry and the path of its key.
func (s Settings) check() (at []string, err error) {
	switch {
	case town.CheckRig(s.Name) != nil:
		return []string{"name"}, town.CheckRig(s.Name)
	case town.CheckPrefix(s.Prefix) != nil:
		return []string{"prefix"}, town.CheckPrefix(s.Prefix)
	case !slices.Contains(Merges, s.Merge):
		return []string{"merge"}, fmt.Errorf("merge %q: use direct, pr or local", town.Clip(string(s.Merge), 80))
	case len(s.Checks) > maxChecks:
		return []string{"checks"}, fmt.Errorf("more than %d checks", maxChecks)
	case s.Agent != "" && town.CheckHandle("preset", s.Agent) != nil:
		return []string{"agent"}, town.CheckHandle("preset", s.Agent)
	case s.Limits.Memory != "" && !sizePattern.MatchString(s.Limits.Memory):
		return []string{"limits", "memory"}, fmt.Errorf("memory %q: use a size such as 16GB", town.Clip(s.Limits.Memory, 80))
	case s.Refinery.check() != nil:
		return []string{"refinery"}, s.Refinery.check()
	case s.Pulls != (Pulls{}) && s.Merge != MergePR:
		return []string{"pull_requests"}, fmt.Errorf("pull_requests is for a rig with merge: pr")
	case s.Pool < 0 || s.Pool > MaxPool:
		return []string{"pool"}, fmt.Errorf("pool %d: use a number from 0 to %d", s.Pool, MaxPool)
	case s.Limits.CPU < 0 || s.Limits.CPU > maxCPU:
		return []string{"limits", "cpu"}, fmt.Errorf("cpu %d: use a number of cores", s.Limits.CPU)
	}
	if err := gitcmd.CheckBranch(s.Branch); err != nil {
		return []string{"branch"}, fmt.Errorf("branch %q is no name of a branch", town.Clip(s.Branch, 80))
	}
	if key, err := s.Pulls.check(); err != nil {
		return []string{"pull_requests", key}, err
	}
	if err := gitcmd.CheckURL(s.URL); err != nil {
		return []string{"url"}, err
	}
	names := map[string]bool{}
	for i, c := range s.Checks {
		at := []string{"checks", fmt.Sprint(i)}
		switch {
		case town.CheckHandle("check", c.Name) != nil:
			return append(at, "name"), town.CheckHandle("check", c.Name)
		case names[c.Name]:
			return append(at, "name"), fmt.Errorf("two checks are called %s", c.Name)
		case len(c.Command) == 0 || c.Command[0] == "":
			return append(at, "command"), fmt.Errorf("check %s names no program", c.Name)
		case len(strings.Join(c.Command, " ")) > maxCommand || strings.Contains(strings.Join(c.Command, ""), "\x00"):
			return append(at, "command"), fmt.Errorf("the command of check %s is not acceptable", c.Name)
		case c.Timeout < 0:
			return append(at, "timeout"), fmt.Errorf("check %s: a timeout is a duration such as 10m", c.Name)
		case c.badVariable() != "":
			return append(at, "environment"), fmt.Errorf("check %s: %q is no variable", c.Name, town.Clip(c.badVariable(), 80))
		}
		names[c.Name] = true
	}
	return nil, nil
}

var variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,99}$`)

// badVariable is the first variable that is none; "" when all are.
func (c Check) badVariable() string {
	for _, name := range slices.Sorted(maps.Keys(c.Environment)) {
		if !variablePattern.MatchString(name) || len(c.Environment[name]) > maxCommand || strings.Contains(c.Environment[name], "\x00") {
			return name
		}
	}
	return ""
}

// MaxParallelism, MaxBatch and MaxQueue are the largest numbers of a refinery.
const MaxParallelism, MaxBatch, MaxQueue = 64, 200, 10_000

func (f Refinery) check() error {
	for _, n := range []struct {
		name     string
		is, most int
	}{{"queue_size", f.QueueSize, MaxQueue}, {"parallelism", f.Parallelism, MaxParallelism}, {"batch_size", f.BatchSize, MaxBatch}} {
		if n.is < 0 || n.is > n.most {
			return fmt.Errorf("%s %d: use a number from 1 to %d", n.name, n.is, n.most)
		}
	}
	return nil
}

// SetRefinery records how a rig's merge queue works.
func (y *Yard) SetRefinery(ctx context.Context, name string, to Refinery) error {
	if err := to.check(); err != nil {
		return town.Fail("change the refinery of "+name, "choose another number", "%w: %w", town.ErrUsage, err)
	}
	return y.set(ctx, name, "refinery", to)
}

// PrefixFor makes a prefix of a rig's name: "Web_UI" gives "web-ui".
func PrefixFor(name string) string {
	p := strings.Trim(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "-0123456789")
	for strings.Contains(p, "--") {
		p = strings.ReplaceAll(p, "--", "-")
	}
	if p = strings.Trim(town.Clip(p, maxPrefix), "-."); p == "" {
		return "rig"
	}
	return p
}
