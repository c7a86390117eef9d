package e2e

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sound is a made-up package that breaks no rule.
func sound(name string, imports ...string) pkg {
	return pkg{ImportPath: module + "/" + name, Doc: "Package x is.", GoFiles: []string{"x.go"}, Imports: imports}
}

// The checker finds each breach in a made-up graph, and none in a sound one.
func TestGraphRules(t *testing.T) {
	good := []pkg{
		sound("town", "fmt"), sound("sync/gitcmd", module+"/town", "os/exec"), sound("tmux", "os/exec"),
		sound("planes/doltdb", module+"/town", "github.com/dolthub/driver", module+"/planes/doltdb/internal/quiet"),
		sound("planes/doltdb/internal/quiet", "github.com/dolthub/dolt/go/x"),
		sound("planes/doltdb/server", module+"/planes/doltdb/internal/quiet", "github.com/dolthub/dolt/go/x"),
		sound("sync/gitremote", module+"/sync/gitcmd"),
		sound("sync/federate", module+"/sync/gitremote", module+"/planes/federation"),
		sound("deacon", module+"/deacon/web"), sound("deacon/web"),
		sound("cmd/gt", "github.com/alecthomas/kingpin/v2", module+"/town/layout", module+"/deacon"),
		sound("e2e/bench", module+"/e2e/gitserver", module+"/e2e/stockdolt"), sound("e2e/gitserver", "os/exec"),
		{ImportPath: module + "/sync/policy", Doc: "P.", GoFiles: []string{"p.go"},
			TestImports: []string{"os/exec", module + "/sync/files", module + "/e2e/gitserver"}},
		{ImportPath: module + "/e2e"}, // only tests: needs no comment
	}
	if bad := checkGraph(good); len(bad) != 0 {
		t.Errorf("a sound graph is found wanting:\n%s", strings.Join(bad, "\n"))
	}

	for _, test := range []struct {
		p    pkg
		want string
	}{
		{sound("town", module+"/town/config"),
			"town imports gastown/town/config: imports point down, not from floor 0 to floor 1"},
		{sound("town", module+"/tmux"), "town imports gastown/tmux: packages on floor 0 do not import each other"},
		{sound("tmux", module+"/town"), "packages on floor 0 do not import each other"},
		{sound("sync/policy", module+"/sync/files"), "packages on floor 1 do not import each other"},
		{sound("deacon/web", module+"/deacon"), "packages on floor 6 do not import each other"},
		{sound("deacon/web", module+"/deacon/metrics"), "packages on floor 6 do not import each other"},
		{sound("sync/federate", module+"/cmd/gt"), "from floor 4 to floor 7"},
		{sound("sync/federate", module+"/e2e/gitserver"), "from floor 4 to floor 8"},
		{sound("e2e/gitserver", module+"/town"), "test support imports nothing of the product"},
		{sound("e2e/gitserver", module+"/e2e/stockdolt"), "packages on floor 8 do not import each other"},
		{sound("sync/federate", "github.com/dolthub/driver"), "only importer of Dolt"},
		{sound("planes/doltdbx", "github.com/dolthub/driver"), "only importer of Dolt"},
		{pkg{ImportPath: module + "/cmd/gt", XTestImports: []string{"github.com/dolthub/driver"}},
			"cmd/gt imports github.com/dolthub/driver in a test"},
		{pkg{ImportPath: module + "/sync/policy", TestImports: []string{module + "/sync/federate"}},
			"from floor 1 to floor 4"},
		{sound("deacon/web", "github.com/alecthomas/kingpin/v2"), "kingpin belongs"},
		{sound("planes/ledger", "os/exec"), "other packages execute nothing"},
		{sound("sync/files", module+"/town/layout"), "paths are handed down from cmd"},
		{sound("sync"), "no Go file stands directly in sync/"},
		{sound("town/other"), "town/other: stands on no floor"},
		{sound("util"), "util: stands on no floor"},
		{pkg{ImportPath: module + "/tmux", GoFiles: []string{"x.go"}}, "tmux: has no package comment"},
	} {
		bad := checkGraph([]pkg{test.p})
		if len(bad) == 0 || !strings.Contains(strings.Join(bad, "\n"), test.want) {
			t.Errorf("%s with %v: found %q, want %q", test.p.ImportPath, test.p.Imports, bad, test.want)
		}
	}
}

func TestFileRules(t *testing.T) {
	head := "package x\nimport \"os/exec\"\n"
	slash := "/" // so that this file breaks no rule itself
	for _, test := range []struct {
		name, content, want string
	}{
		{"sync/gitcmd/x.go", head + `var _ = exec.Command("git", "x")`, ""},
		{"cmd/gt/x.go", head + `var _ = exec.Command("git", "x")`, "executes git, which only sync/gitcmd does"},
		{"cmd/gt/x.go", head + `var _ = exec.CommandContext(ctx, "` + slash + `usr/bin/git")`, "executes git"},
		{"cmd/gt/x.go", head + `var _, _ = exec.LookPath("tmux")`, "executes tmux, which only tmux does"},
		{"cmd/gt/x.go", head + `var _ = exec.Command("ls", "git")`, ""},
		{"cmd/gt/x.go", head + `var _ = os.StartProcess("x", nil, nil)`, "use os/exec"},
		{"cmd/gt/x_test.go", head + `var _ = exec.Command("git", "x")`, ""},
		{"sync/files/x.go", head + `var _ = os.Getenv("X")`, "uses os.Getenv"},
		{"cmd/gt/federation/x.go", head + `var w = os.Stdout`, "uses os.Stdout"},
		{"cmd/gt/main.go", head + `var _ = os.Getenv("X")`, ""},
		{"cmd/internal/front/x.go", head + `var _, _ = os.Getwd()`, ""},
		{"e2e/bench/x.go", head + `var _ = exec.Command("git", "x")`, ""},
		{"tmux/x.go", "package tmux\n" + strings.Repeat("//\n", maxSourceLines), "401 lines, more than 400"},
		{"tmux/x_test.go", "package tmux\n" + strings.Repeat("//\n", maxSourceLines), ""},
		{"docs/x.md", "one\nsee " + slash + "home/me/town", "docs/x.md:2: mentions a path of one machine"},
		{"docs/x.md", "`" + slash + "root`", "mentions a path of one machine"},
		{"docs/x.md", "https:" + slash + slash + "host" + slash + "work" + slash + "x", ""},
		{"docs/x.md", "~" + slash + "work, a" + slash + "home", ""},
		{"docs/x.md", slash + "homestead, " + slash + "workers", ""},
		{"x.png", "\x00 " + slash + "home/me", ""},
	} {
		got := strings.Join(checkFile(test.name, []byte(test.content)), "\n")
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s %.60q: found %q, want %q", test.name, test.content, got, test.want)
		}
	}
}

func TestDocumentedFloorsAreRead(t *testing.T) {
	got := documentedFloors("# Floors\n| floor | package | job |\n|---|---|---|\n" +
		"| 0 | `town` | nouns, see `x` |\n| 2 | `planes/a`, `planes/b` | two |\n\n1 | no\n")
	if diff := cmp.Diff(map[string]int{"town": 0, "planes/a": 2, "planes/b": 2}, got); diff != "" {
		t.Error(diff)
	}
}
