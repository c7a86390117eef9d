package e2e

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// topLevel lists all that may be at the root, what is built included.
var topLevel = []string{
	"town", "planes", "sync", "deacon", "tmux", "cache", "cmd", "e2e", "docs", ".ci",
	"go.mod", "go.sum", "Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE",
	".git", ".gitignore", ".gitattributes", ".editorconfig", "bin", "dist",
}

// maxSourceLines is the limit for a source file.
const maxSourceLines = 400

// machinePath finds absolute paths of a developer's machine. It is concatenated so
// that this file does not match.
var machinePath = regexp.MustCompile(`(^|[^\w./~$}-])/(` +
	strings.Join([]string{"root", "home", "work", "Users"}, "|") + `)(/[\w.-]|\b)`)

// runners lists the packages that may execute each program. e2e may execute all.
var runners = map[string]string{"git": "sync/gitcmd", "tmux": "tmux"}

// checkFile returns every breach of the rules about one file, named by its
// path below the root, with slashes.
func checkFile(name string, content []byte) []string {
	var bad []string
	if bytes.IndexByte(content, 0) >= 0 { // not text
		return nil
	}
	for i, line := range bytes.Split(content, []byte("\n")) {
		if found := machinePath.Find(line); found != nil && name != "go.sum" {
			bad = append(bad, fmt.Sprintf("%s:%d: mentions a path of one machine: %s", name, i+1, bytes.TrimSpace(found)))
		}
	}
	if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
		return bad
	}
	if lines := bytes.Count(content, []byte("\n")); lines > maxSourceLines {
		bad = append(bad, fmt.Sprintf("%s: %d lines, more than %d: split it by ideas", name, lines, maxSourceLines))
	}
	return append(bad, checkCalls(name, content)...)
}

// checkCalls finds code that starts a program and may not.
func checkCalls(name string, content []byte) []string {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, content, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	dir := filepath.ToSlash(filepath.Dir(name))
	if matches(dir, "e2e/...") {
		return nil
	}
	var bad []string
	say := func(at token.Pos, format string, args ...any) {
		bad = append(bad, fmt.Sprintf("%s:%d: ", name, set.Position(at).Line)+fmt.Sprintf(format, args...))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if used, ok := n.(*ast.SelectorExpr); ok && !ownsProcess(name) {
			if from, ok := used.X.(*ast.Ident); ok && from.Name == "os" && slices.Contains(processWide, used.Sel.Name) {
				say(used.Pos(), "uses os.%s: a command may run inside the Deacon, so it takes this from its invocation", used.Sel.Name)
			}
		}
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		function, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		from, ok := function.X.(*ast.Ident)
		if !ok {
			return true
		}
		switch from.Name + "." + function.Sel.Name {
		case "exec.Command", "exec.CommandContext", "exec.LookPath":
			for _, argument := range call.Args[:min(2, len(call.Args))] {
				word, ok := argument.(*ast.BasicLit)
				if !ok || word.Kind != token.STRING {
					continue
				}
				if text, err := strconv.Unquote(word.Value); err == nil {
					program := filepath.Base(text)
					if owner := runners[program]; owner != "" && owner != dir {
						say(call.Pos(), "executes %s, which only %s does", program, owner)
					}
					break // the program; what follows are its arguments
				}
			}
		case "os.StartProcess", "syscall.ForkExec", "syscall.StartProcess", "unix.Exec":
			say(call.Pos(), "starts a process by %s.%s: use os/exec", from.Name, function.Sel.Name)
		}
		return true
	})
	return bad
}

// processWide are the names of package os that mean the process, and not the
// command that runs in it.
var processWide = []string{
	"Args", "Chdir", "Clearenv", "Environ", "Exit", "ExpandEnv", "Getenv", "Getwd", "LookupEnv", "Setenv", "Stderr", "Stdin", "Stdout", "Unsetenv",
}

// ownsProcess reports whether a file belongs to a main, to the front or to the launcher
// of sessions, which have a process to themselves, to what decides when a process collects garbage, or to
// the owner of the database engine, which takes its settings from the process.
func ownsProcess(name string) bool {
	dir := filepath.ToSlash(filepath.Dir(name))
	main, _ := filepath.Match("cmd/*/main.go", name)
	return main || slices.Contains(helpers, dir) || anyMatch(dir, []string{"cmd/internal/front", "town/launch", "cmd/internal/memory", "planes/doltdb/internal/..."})
}

func TestTree(t *testing.T) {
	const root = ".."
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !slices.Contains(topLevel, entry.Name()) {
			t.Errorf("%s does not belong at the top level", entry.Name())
		}
	}
	files := 0
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "dist"}, name) {
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() || name == ".git" { // which a linked worktree has
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		report(t, checkFile(filepath.ToSlash(name), content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("only %d files were looked at", files)
	}
}
