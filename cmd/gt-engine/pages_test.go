package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// typed matches a command in a block of a page: at the beginning of a line, after a prompt,
// or after another command.
var typed = regexp.MustCompile(`(?:^    (?:\$ )?|&& |\$\()((?:gt|bd) .*)`)

// layoutLine matches a line of a block that shows a path and what is there, and no command.
var layoutLine = regexp.MustCompile(`^    [^ ]*/`)

// pages are the commands that the pages of the project show. A page quotes a command, or has
// it in a block, where a comment stands behind # or two spaces.
func pages(t *testing.T) (all []said) {
	t.Helper()
	root := filepath.Join("..", "..")
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(files) < 30 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range append(files, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			where := fmt.Sprintf("%s:%d", filepath.Base(file), i+1)
			for _, m := range quoted.FindAllStringSubmatch(line, -1) {
				all = append(all, said{where, strings.ReplaceAll(m[1], `\|`, "|"), prose})
			}
			if layoutLine.MatchString(line) {
				continue
			}
			for _, m := range typed.FindAllStringSubmatch(line, -1) {
				shown, _, _ := strings.Cut(m[1], " && ")
				shown, _, _ = strings.Cut(shown, "   ")
				shown, _, _ = strings.Cut(shown, "  # ")
				all = append(all, said{where, shown, example})
			}
		}
	}
	return all
}

// notParsed are commands of the pages that no parser knows, and why.
var notParsed = map[string]string{
	"gt --launch FILE": "the front does it before it parses",
	"gt --launch":      "the front does it before it parses",
	"gt notify 1":      "it is a line of what is signed",
	"gt --version":     "the parser answers",
	"bd WORD":          "it stands for a word of the public bd",
	`gt config agent.command "sh $(dirname "$PWD")/robot.sh"`: "its quotes are for a shell",
}

// optional is what a form of a command leaves open.
var optional = regexp.MustCompile(`\[[^]]*\]`)

// mayOmitArguments reports whether a page may name a command although the parser refuses it:
// the page is about a flag, or about the command without its arguments.
func mayOmitArguments(s said, args []string, why error) bool {
	last := args[len(args)-1]
	if s.role == example || why == nil {
		return false
	}
	flag := strings.HasPrefix(last, "-") && strings.HasSuffix(why.Error(), fmt.Sprintf("expected argument for flag '%s'", last))
	bare := !slices.ContainsFunc(args, func(a string) bool { return placeholder.MatchString(a) })
	return flag || bare && strings.HasSuffix(why.Error(), "not provided")
}

// Every command that a page shows is one that the real parser accepts.
func TestEveryCommandOfThePagesParses(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{}
	for _, s := range pages(t) {
		if seen[s.text] || notParsed[s.text] != "" {
			seen[s.text] = true
			continue
		}
		seen[s.text] = true
		text, _ := strings.CutSuffix(s.text, " ...") // of a group: all of its commands
		program, clause, _ := strings.Cut(optional.ReplaceAllString(text, ""), " ")
		args := shellWords(clause)
		if isName(commands[program](invocation(dir, program, nil)), args) {
			continue
		}
		if ok, why := parses(dir, program, args); !ok && !mayOmitArguments(s, args, why) {
			t.Errorf("%s: the parser refuses %q: %v", s.where, s.text, why)
		}
	}
	for text := range notParsed {
		if !seen[text] {
			t.Errorf("no page has %q any more", text)
		}
	}
	if len(seen) < 500 {
		t.Errorf("found only %d commands: the test reads too little", len(seen))
	}
}
