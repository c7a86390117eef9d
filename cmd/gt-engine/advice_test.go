package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"

	bd "gastown/cmd/bd/cli"
	gt "gastown/cmd/gt/cli"
	"gastown/cmd/internal/shell"
	"gastown/town/config"
	"gastown/town/starter"
)

// said is a text that the product can print. Where it has a value, it has unknown.
type said struct {
	where string
	text  string
	role  role
}

// role is what a text is for.
type role int

const (
	prose   role = iota
	advice       // the next step of an error or a finding
	example      // an example in the help of a command
	order        // what a starter document tells an agent to run
)

// unknown stands for a value that only a run knows.
const unknown = "VALUE"

// texts collects every text in the sources, and marks what is given as a next step.
func texts(t *testing.T) (all []said) {
	t.Helper()
	sources(t, func(rel string, files *token.FileSet, f *ast.File) {
		roles := rolesIn(f)
		ast.Inspect(f, func(n ast.Node) bool {
			expr, ok := n.(ast.Expr)
			if _, imported := n.(*ast.ImportSpec); imported || !ok {
				return !imported
			}
			text, literal := flatten(expr)
			if !literal {
				return true
			}
			p := files.Position(expr.Pos())
			all = append(all, said{fmt.Sprintf("%s:%d", rel, p.Line), text, roles[expr]})
			return false
		})
	})
	return append(all, orders()...)
}

// sources calls read with each source of the product.
func sources(t *testing.T, read func(rel string, files *token.FileSet, f *ast.File)) {
	t.Helper()
	root := filepath.Join("..", "..")
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		if err != nil || e.IsDir() && (rel == "e2e" || strings.HasPrefix(e.Name(), ".") && rel != ".") {
			return skip(err)
		}
		if e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err == nil {
			read(rel, files, f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// quoted is what a document sets as a command.
var quoted = regexp.MustCompile("`((?:gt|bd)(?: [^`]*)?)`")

// orders are the commands in the documents that a new Town begins with. Agents type
// what those say.
func orders() (all []said) {
	for _, d := range starter.Documents() {
		for i, line := range strings.Split(d.Text, "\n") {
			for _, m := range quoted.FindAllStringSubmatch(line, -1) {
				text := variable.ReplaceAllString(m[1], unknown)
				all = append(all, said{fmt.Sprintf("%s:%d", d.Key, i+1), text, order})
			}
		}
	}
	return all
}

// variable is a placeholder in a formula.
var variable = regexp.MustCompile(`\{\{[^}]*\}\}`)

func skip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

// rolesIn finds the expressions that a file gives as a next step (the second argument
// of town.Fail, and whatever is assigned to something called Next, next or advice) and
// as examples.
func rolesIn(f *ast.File) map[ast.Expr]role {
	found := map[ast.Expr]role{}
	all := func(e ast.Expr, r role) {
		if list, ok := e.(*ast.CompositeLit); ok {
			for _, e := range list.Elts {
				if kv, ok := e.(*ast.KeyValueExpr); ok {
					e = kv.Value
				}
				found[e] = r
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Fail" && len(n.Args) > 2 {
				found[n.Args[1]] = advice
			}
			if nameOf(n.Fun) == "Examples" {
				for _, e := range n.Args {
					found[e] = example
				}
			}
		case *ast.CompositeLit:
			if !slices.ContainsFunc(n.Elts, func(e ast.Expr) bool { return !isCommand(e) }) {
				all(n, example)
			}
		case *ast.KeyValueExpr:
			switch nameOf(n.Key) {
			case "Next":
				found[n.Value] = advice
			case "Examples":
				all(n.Value, example)
			}
		case *ast.ValueSpec:
			if n.Names[0].Name == "advice" && len(n.Values) == 1 {
				all(n.Values[0], advice)
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if name := nameOf(left); i < len(n.Rhs) && (name == "next" || name == "Next") {
					found[n.Rhs[i]] = advice
				}
			}
		}
		return true
	})
	return found
}

// isCommand reports whether an expression is a text that begins with a program's name.
func isCommand(e ast.Expr) bool {
	text, literal := flatten(e)
	return literal && (strings.HasPrefix(text, "bd ") || strings.HasPrefix(text, "gt "))
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

var verb = regexp.MustCompile(`%[-+# 0]*[0-9.]*[a-zA-Z]`)

// flatten is the text of an expression of literals joined with values.
func flatten(e ast.Expr) (text string, literal bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return verb.ReplaceAllString(text, unknown), err == nil
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, a := flatten(e.X)
		right, b := flatten(e.Y)
		if !a && !b {
			return "", false
		}
		if !a {
			left = unknown
		}
		if !b {
			right = unknown
		}
		return left + right, true
	}
	return "", false
}

// command matches a command within a text, up to the end of the clause.
var command = regexp.MustCompile("(?:^|[\\s(,:`'])(gt|bd) ([a-z-][^;()\\n`]*)")

// commands are the parsers of the programs.
var commands = map[string]func(*shell.Invocation) *shell.Program{"gt": gt.Program, "bd": bd.Program}

func invocation(dir, program string, args []string) *shell.Invocation {
	return &shell.Invocation{Program: program, Args: args, Dir: dir, Env: []string{"PATH=" + os.Getenv("PATH"), "USER=ada"},
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, User: os.Getuid(), Self: "/bin/true", Now: time.Now}
}

// argument is a word of a text that can only be an argument of a command: a flag, a
// placeholder, or something with a sign that words of prose lack.
var argument = regexp.MustCompile(`^-|^'|^[A-Z]{2,}$|[0-9/=@_|]|[a-z]\.[a-z]|^(?:true|false|none|gc)$|` + unknown)

// words are the words of a clause that make up the command: its name, which flags may
// precede, and arguments as far as they can be told from prose.
func words(p *shell.Program, clause string) (args []string, named bool) {
	var c *kingpin.CmdClause
	value := false // the last flag takes a value
	given := false // an argument came, so that no command follows
	for _, raw := range strings.Fields(clause) {
		if strings.HasPrefix(raw, "#") || raw == "|" {
			break
		}
		word := strings.TrimRight(raw, ".,:?!\"'")
		ended := word != raw && !strings.HasPrefix(raw, "'")
		switch sub := get(p, c, word); {
		case value:
		case sub != nil && !given:
			c = sub
		case argument.MatchString(word):
			given = given || !strings.HasPrefix(word, "-")
		default:
			return args, c != nil
		}
		value = takesValue(p, c, word)
		args = append(args, strings.Trim(word, "'"))
		if ended {
			break
		}
	}
	return args, c != nil
}

// shellWords are the words of an example up to a comment, a pipe or a redirection.
func shellWords(line string) (args []string) {
	for _, end := range []string{" #", " |", " >", " <"} {
		line, _, _ = strings.Cut(line, end)
	}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		var word string
		if quote := line[:1]; quote == `"` || quote == "'" {
			word, line, _ = strings.Cut(line[1:], quote)
		} else {
			word, line, _ = strings.Cut(line, " ")
		}
		args = append(args, word)
	}
	return args
}

func get(p *shell.Program, c *kingpin.CmdClause, word string) *kingpin.CmdClause {
	if c == nil {
		return p.GetCommand(word)
	}
	return c.GetCommand(word)
}

func takesValue(p *shell.Program, c *kingpin.CmdClause, word string) bool {
	flags := p.Model().Flags
	if c != nil {
		flags = append(flags, c.Model().Flags...)
	}
	return slices.ContainsFunc(flags, func(f *kingpin.FlagModel) bool {
		return !f.IsBoolFlag() && (word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short))
	})
}

// values replace placeholders, in the order in which they are tried. The last leaves
// them out, because a value may be an option that is not always there.
var values = []string{"x", "1", "5m", "/srv/x.git", "role/mayor", "true", "bd-1", "localhost:0", "warmup", ""}

var placeholder = regexp.MustCompile(`\b(?:[A-Z][A-Z_-]+(?:@[A-Z]+)?|` + unknown + `)\b`)

// checkSetting refuses a gt config command whose setting does not exist or does not take the
// value.
func checkSetting(program string, args []string) error {
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "-") })
	if program != "gt" || len(args) < 2 || args[0] != "config" {
		return nil
	}
	if args = args[1:]; slices.Contains([]string{"get", "set", "unset", "list"}, args[0]) {
		args = args[1:]
	}
	if len(args) == 0 || placeholder.MatchString(args[0]) || args[0] == "actor" { // gt config actor is kept outside the configuration
		return nil
	}
	if len(args) == 1 || placeholder.MatchString(args[1]) {
		_, err := config.Lookup(args[0])
		return err
	}
	_, err := config.New("town").Set(args[0], args[1])
	return err
}

// parses reports whether the real parser accepts a command.
func parses(dir, program string, args []string) (ok bool, why error) {
	if err := checkSetting(program, args); err != nil {
		return false, err
	}
	for _, v := range values {
		var given []string
		for i, arg := range args {
			first, _, _ := strings.Cut(arg, "|")
			if v == "" && i < len(args)-1 {
				given = append(given, placeholder.ReplaceAllString(first, "x"))
			} else if value := placeholder.ReplaceAllString(first, v); value != "" || arg == "" {
				given = append(given, value)
			}
		}
		p := commands[program](invocation(dir, program, given))
		prepared := p.Prepare()
		if prepared.Command.Name != "" || slices.Contains(given, "--help") {
			return true, nil
		}
		if _, err := p.Parse(given); why == nil {
			why = err
		}
	}
	return false, why
}

// Every command that a text of the product names is one that the real parser accepts.
func TestEveryNamedCommandParses(t *testing.T) {
	dir := t.TempDir()
	seen, advised, ordered := map[string]bool{}, 0, 0
	for _, s := range texts(t) {
		for _, m := range command.FindAllStringSubmatch(s.text, -1) {
			program, clause := m[1], m[2]
			p := commands[program](invocation(dir, program, nil))
			args, named := words(p, clause)
			if s.role == example || s.role == order {
				args, named = shellWords(clause), true
			}
			if !named {
				if s.role == advice && begins(s.text, m[0]) {
					t.Errorf("%s: it advises %s %s, and there is no such command: %q", s.where, program, clause, s.text)
				}
				continue
			}
			switch s.role {
			case advice:
				advised++
			case order:
				ordered++
			}
			line := program + " " + strings.Join(args, " ")
			if seen[line] {
				continue
			}
			seen[line] = true
			if (s.role == prose || s.role == order) && isName(p, args) {
				continue // it is about a command
			}
			if ok, why := parses(dir, program, args); !ok {
				t.Errorf("%s: the parser refuses %q (%v) of %q", s.where, line, why, s.text)
			}
		}
	}
	if len(seen) < 100 || advised < 60 || ordered < 100 {
		t.Errorf("found only %d commands, %d of them in advice and %d in documents: the test reads too little", len(seen), advised, ordered)
	}
}

// begins reports whether a command is an advice of its own: at the beginning of the
// text or behind a colon.
func begins(text, match string) bool {
	return strings.HasPrefix(text, match) || strings.Contains(text, ":"+match)
}

// isName reports that a text names a command or a group of commands and gives no
// arguments.
func isName(p *shell.Program, args []string) bool {
	var c *kingpin.CmdClause
	for _, arg := range args {
		if c = get(p, c, arg); c == nil {
			return false
		}
	}
	return true
}

// Every failure that is made with town.Fail or as a town.Error has a next step. Where
// it has none, a comment right above it begins with "No step:" and says why.
func TestEveryFailureHasANextStep(t *testing.T) {
	failures, without := 0, 0
	sources(t, func(rel string, files *token.FileSet, f *ast.File) {
		reasons := map[int]bool{} // lines below such a comment
		for _, c := range f.Comments {
			if strings.HasPrefix(c.Text(), "No step: ") {
				reasons[files.Position(c.End()).Line+1] = true
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			next, fails := stepOf(n)
			if !fails {
				return true
			}
			failures++
			text, literal := flatten(next)
			if next != nil && (!literal || text != "") {
				return true
			}
			without++
			if line := files.Position(n.Pos()).Line; !reasons[line] {
				t.Errorf("%s:%d: this failure has no next step, and no comment above it that begins with \"No step:\"", rel, line)
			}
			return true
		})
	})
	if failures < 300 || without == 0 {
		t.Errorf("found only %d failures, %d of them without a step: the test reads too little", failures, without)
	}
}

// stepOf is the next step that an expression gives a failure, nil for none. fails is
// false when the expression makes no failure.
func stepOf(n ast.Node) (next ast.Expr, fails bool) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Fail" && nameOf(s.X) == "town" && len(n.Args) > 2 {
			return n.Args[1], true
		}
	case *ast.CompositeLit:
		if s, ok := n.Type.(*ast.SelectorExpr); !ok || s.Sel.Name != "Error" || nameOf(s.X) != "town" {
			return nil, false
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && nameOf(kv.Key) == "Next" {
				next = kv.Value
			}
		}
		return next, true
	}
	return nil, false
}

// A next step says what to do. It is not about another program's repairs, and it does
// not tell people to remove what holds their data.
func TestAdviceIsSound(t *testing.T) {
	bad := regexp.MustCompile(`(?i)dolt fsck|\brm -|git gc|\bdelete (?:the|your) (?:file|directory|database|town)|` + "%!|<nil>")
	n := 0
	for _, s := range texts(t) {
		if s.role != advice {
			continue
		}
		n++
		if bad.MatchString(s.text) {
			t.Errorf("%s: %q", s.where, s.text)
		}
		if strings.HasSuffix(s.text, ".") || strings.TrimSpace(s.text) != s.text && s.text != "" && !strings.Contains(s.text, unknown) {
			t.Errorf("%s: an advice ends without a full stop and has no space around it: %q", s.where, s.text)
		}
	}
	if n < 150 {
		t.Errorf("found only %d next steps: the test reads too little", n)
	}
}
