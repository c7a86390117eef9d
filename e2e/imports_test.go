package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "gastown"

// floors says where each package stands: the table of docs/architecture.md,
// which TestDocumentedFloors compares with this one. "x/..." is x and all below.
var floors = map[string]int{
	"town": 0, "cache": 0, "tmux": 0, "sync/gitcmd": 0, "sync/gitcmd/gittest": 0,
	"town/durable": 0, "town/group": 0, "town/lockfile": 0, "town/socket": 0, "town/process": 0, "town/machine": 0, "town/strict": 0, "town/noise": 0, "town/ticks": 0,

	"town/layout": 1, "town/config": 1, "town/starter": 1, "town/slots": 1, "town/instance": 1, "town/access": 1, "town/secrets": 1, "town/agenthooks": 1, "town/guard": 1, "town/launch": 1, "town/limits": 1, "town/github": 1, "town/series": 1, "town/spending": 1,
	"planes/doltdb": 1, "planes/doltdb/server": 1, "planes/doltdb/tables": 1, "planes/doltdb/copies": 1, "sync/gitremote": 1, "sync/policy": 1, "sync/files": 1, "sync/hooks": 1, "sync/share": 1, "sync/leaks": 1, "sync/sign": 1, "sync/turns": 1,

	"planes/operational": 2, "planes/ledger": 2, "planes/federation": 2, "planes/exchange": 2, "planes/doltdb/doltdbtest": 2,

	"town/plugin": 2, "town/plugin/program": 3, "town/plugin/health": 3,

	"town/secrets/vault": 2, "town/secrets/vaulttest": 2, "town/secrets/backend": 3,

	"town/tracker": 1, "town/tracker/jira": 2, "town/tracker/github": 2, "town/tracker/linear": 2, "town/tracker/asana": 2, "town/tracker/mirror": 2, "town/tracker/trackertest": 2,

	"sync/records": 3, "town/feed": 3, "town/rig": 3, "town/agent": 3, "town/mail": 3, "town/glance": 4, "town/escalate": 3, "town/alert": 3, "town/alert/channel": 4, "town/convoy": 3, "town/integration": 4, "town/spending/gather": 3, "town/backup": 3, "town/analysis": 3, "town/report": 4, "town/tuning": 3,
	"sync/federate": 4, "town/polecat": 4, "town/refinery": 4,
	"town/failover": 5, "town/queue": 5, "town/witness": 5, "town/plugin/builtin": 5,
	"deacon/...": 6,
	"cmd/...":    7,
	"e2e/...":    8,
}

// support is the part of e2e that tests of every floor and the programs of e2e
// may import. It imports nothing of the product.
var support = []string{"e2e/gitserver", "e2e/s3server", "e2e/script", "e2e/stockdolt", "e2e/terminal"}

// helpers are packages for tests only, which may import that support too.
var helpers = []string{"planes/doltdb/doltdbtest", "cmd/gt/internal/gttest", "cmd/bd/internal/hostile"}

// level lists the imports allowed between packages of one floor, with the
// reason. Keep it this short.
var level = map[[2]string]string{
	{"sync/gitcmd", "town"}:           "errors of git are told as every error is, with town.Fail; town itself imports nothing",
	{"sync/gitcmd", "town/durable"}:   "what helps against a full disk is said in one place",
	{"sync/gitcmd", "town/process"}:   "git ends as a whole group, as every program does",
	{"tmux", "town/process"}:          "tmux ends as a whole group, as every program does",
	{"town/lockfile", "town"}:         "a busy lock is town.ErrBusy",
	{"town/lockfile", "town/process"}: "a holder is a process, which may be stopped or gone",
	{"town/socket", "town"}:           "a path that is taken is town.ErrRefused",
	{"town/strict", "town"}:           "it names the nearest known field as other errors do",
	{"cmd/gt-engine", "cmd/gt/cli"}:   "the engine is both programs",
	{"cmd/gt-engine", "cmd/bd/cli"}:   "the engine is both programs",
}

// contract is the package that the parts of the Deacon share. They may import it,
// but never each other.
var contract = []string{
	"deacon/part", "deacon/schedule", "deacon/check", "deacon/control", "deacon/guard", "deacon/logs", "deacon/invocation",
}

// reserved lists import paths (or, ending in a slash, everything below) that
// only some packages may import outside tests, and for Dolt in tests too.
var reserved = []struct {
	path  string
	by    []string
	tests bool
	why   string
}{
	{"github.com/dolthub/", []string{"planes/doltdb/...", "e2e/..."}, true, "planes/doltdb is the only importer of Dolt"},
	{"github.com/alecthomas/kingpin/", []string{"cmd/..."}, true, "kingpin belongs to the command line, in cmd/"},
	{"github.com/google/go-github/", []string{"town/github", "town/tracker/github"}, true, "town/github talks to GitHub about pull requests, town/tracker/github about issues"},
	{"github.com/hashicorp/vault/", []string{"town/secrets/vault"}, true, "town/secrets/vault talks to Vault"},
	{"github.com/aws/", []string{"town/backup"}, true, "town/backup talks to S3"},
	{"golang.org/x/sync/errgroup", []string{"town/group", "e2e/..."}, false, "a panic in a goroutine of errgroup ends the Deacon; town/group passes it on"},
	{"os/exec", []string{"sync/gitcmd", "tmux", "town/process", "town/refinery", "sync/hooks", "deacon/...", "cmd/...", "e2e/..."}, false,
		"git is executed in sync/gitcmd, tmux in tmux, the checks of a rig in town/refinery; other packages execute nothing"},
	{module + "/town/layout", []string{"cmd/...", "e2e/...", "sync/records", "sync/federate", "deacon/..."}, false,
		"paths are handed down from cmd; a package does not know the whole Town"},
}

// pkg is the part of go list's output that the rules need.
type pkg struct {
	ImportPath   string
	Dir          string
	Doc          string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func (p pkg) name() string { return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/") }

// matches says whether a package is the pattern's, or below a pattern "x/...".
func matches(name, pattern string) bool {
	root, below := strings.CutSuffix(pattern, "/...")
	return name == root || below && strings.HasPrefix(name, root+"/")
}

func anyMatch(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(name, p) })
}

// floorOf finds a package in the table. An internal package stands with its owner.
func floorOf(name string) (int, bool) {
	if owner, _, internal := strings.Cut(name, "/internal/"); internal {
		name = owner
	}
	for pattern, floor := range floors {
		if matches(name, pattern) {
			return floor, true
		}
	}
	return 0, false
}

// checkGraph returns every breach of the rules about packages and imports.
func checkGraph(graph []pkg) []string {
	var bad []string
	for _, p := range graph {
		name := p.name()
		floor, known := floorOf(name)
		switch {
		case name == "sync":
			bad = append(bad, "sync: no Go file stands directly in sync/, its name is the standard library's")
		case !known:
			bad = append(bad, name+": stands on no floor: add it to docs/architecture.md and e2e/imports_test.go")
		}
		if len(p.GoFiles) > 0 && p.Doc == "" {
			bad = append(bad, name+": has no package comment")
		}
		for _, path := range p.Imports {
			if why := breach(name, floor, path, false); why != "" {
				bad = append(bad, fmt.Sprintf("%s imports %s: %s", name, path, why))
			}
		}
		for _, path := range append(slices.Clone(p.TestImports), p.XTestImports...) {
			if why := breach(name, floor, path, true); why != "" {
				bad = append(bad, fmt.Sprintf("%s imports %s in a test: %s", name, path, why))
			}
		}
	}
	slices.Sort(bad)
	return slices.Compact(bad)
}

// breach says why a package on a floor may not import a path, or "".
func breach(name string, floor int, path string, test bool) string {
	for _, r := range reserved {
		if path == r.path || strings.HasSuffix(r.path, "/") && strings.HasPrefix(path, r.path) {
			if !anyMatch(name, r.by) && (!test || r.tests) {
				return r.why
			}
		}
	}
	target, ours := strings.CutPrefix(path, module+"/")
	if !ours || target == name {
		return ""
	}
	if slices.Contains(support, target) && (test || slices.Contains(helpers, name) || strings.HasPrefix(name, "e2e/") && !slices.Contains(support, name)) {
		return ""
	}
	below, known := floorOf(target)
	switch {
	case !known: // checkGraph reports it as a package
		return ""
	case below > floor:
		return fmt.Sprintf("imports point down, not from floor %d to floor %d", floor, below)
	case below < floor && slices.Contains(support, name):
		return "test support imports nothing of the product"
	case below < floor || test:
		return ""
	case level[[2]string{name, target}] != "":
		return ""
	case strings.HasPrefix(name, "deacon/") && slices.Contains(contract, target):
		return ""
	case strings.HasPrefix(target, name+"/"): // a package's own parts: deacon starts deacon/checks
		return ""
	case isInternal(target): // shared by the owner's packages; Go confines it to them
		return ""
	case strings.HasPrefix(name, "cmd/") && filepath.Base(name) == "cli" && filepath.Dir(name) == filepath.Dir(target): // a program and its groups of commands
		return ""
	}
	return fmt.Sprintf("packages on floor %d do not import each other", floor)
}

func isInternal(name string) bool { return strings.Contains(name, "/internal/") }

// listPackages asks go for the packages of this module.
func listPackages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-tags", "gms_pure_go",
		"-json=ImportPath,Dir,Doc,GoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, stderr.String())
	}
	var graph []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return graph
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		graph = append(graph, p)
	}
}

func report(t *testing.T, bad []string) {
	t.Helper()
	for _, line := range bad {
		t.Error(line)
	}
}

func TestImports(t *testing.T) {
	graph := listPackages(t)
	if len(graph) < 5 {
		t.Fatalf("go list found only %d packages", len(graph))
	}
	report(t, checkGraph(graph))
}

// The table in docs/architecture.md and the one above are the same, and every
// package below the commands is on that page.
func TestDocumentedFloors(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := documentedFloors(string(page))
	if len(documented) < 5 {
		t.Fatalf("docs/architecture.md names only %d packages in its table of floors", len(documented))
	}
	for name, floor := range documented {
		if ours, known := floorOf(strings.TrimSuffix(name, "/...")); !known || ours != floor {
			t.Errorf("docs/architecture.md puts %s on floor %d, e2e/imports_test.go on %d (known: %v)", name, floor, ours, known)
		}
	}
	for _, p := range listPackages(t) {
		name := p.name()
		if _, known := documented[name]; known || anyMatch(name, []string{"deacon/...", "cmd/...", "e2e/..."}) ||
			strings.Contains(name, "/internal/") {
			continue
		}
		t.Errorf("%s is missing from the table of floors in docs/architecture.md", name)
	}
}

// documentedFloors reads rows such as "| 1 | `town/access`, `town/secrets` | ... |".
func documentedFloors(page string) map[string]int {
	found := map[string]int{}
	for line := range strings.Lines(page) {
		cells := strings.Split(line, "|")
		var floor int
		if len(cells) < 4 {
			continue
		}
		if _, err := fmt.Sscanf(strings.TrimSpace(cells[1]), "%d", &floor); err != nil {
			continue
		}
		for i, word := range strings.Split(cells[2], "`") {
			if i%2 == 1 {
				found[word] = floor
			}
		}
	}
	return found
}
