package hooks

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"gastown/town"
)

// The hooks that watch a Town's repository, and the one of a shared repository.
const (
	PostCommit   = "post-commit"
	PostMerge    = "post-merge"
	PostCheckout = "post-checkout"
	PrePush      = "pre-push"
	PostReceive  = "post-receive"
)

// Watched are the hooks of a repository that holds a Town's federation/.
var Watched = []string{PostCommit, PostMerge, PostCheckout, PrePush}

// All are the hooks this package may install.
var All = append(append([]string(nil), Watched...), PostReceive)

// RefPrefixes are how refs begin that a shared repository tells Towns about: the
// usual ones, and those at a host that takes only branches.
var RefPrefixes = []string{"refs/dolt/", "refs/heads/dolt/"}

const (
	// marker begins the second line of a hook of ours; the rest of that line is
	// the digest of all other lines.
	marker = "# gt-hook 1 "
	// chainedSuffix is added to the name of a hook that was there before.
	chainedSuffix = ".gt-chained"
	// programLine begins the line that names gt.
	programLine = "gt="
)

// Script is one hook to install.
type Script struct {
	// Name is one of All.
	Name string
	// Program is the absolute path of gt.
	Program string
	// Args come before the arguments git gives the hook.
	Args []string
}

// check refuses words that cannot stand in a line of shell.
func (s Script) check() error {
	for _, word := range append([]string{s.Program}, s.Args...) {
		if strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return town.Fail("write the hook "+s.Name, "use paths without control characters", "%w: %q", town.ErrRefused, town.Clip(word, 120))
		}
	}
	if !filepath.IsAbs(s.Program) {
		return town.Fail("write the hook "+s.Name, "run gt by its full path, for instance $(command -v gt) hooks install", "the path of gt is not absolute: %q", town.Clip(s.Program, 120))
	}
	return nil
}

const introduction = `# Tells gt in the background what happened in this repository. Installed by
# "gt hooks install"; "gt hooks remove" takes it out and puts back what was here
# before: that is %s%s beside it, and runs first.
`

// chain runs the former hook. A shell script may look at its own name, so it is read
// into a shell of that name. Any other program is executed.
const chain = `former() {
  IFS= read -r first <"$0.gt-chained"
  case $first in
  '#!/bin/sh' | '#!/usr/bin/sh' | '#!/usr/bin/env sh') sh -c '. "$0.gt-chained"' "$0" "$@" ;;
  '#!/bin/bash' | '#!/usr/bin/bash' | '#!/usr/bin/env bash') bash -c '. "$0.gt-chained"' "$0" "$@" ;;
  *) "$0.gt-chained" "$@" ;;
  esac
}
code=0
`

// start runs gt detached from the terminal, the process group and every stream.
const start = `start() {
  command -v setsid >/dev/null && exec setsid "$gt" %[1]s -- "$@"
  exec nohup "$gt" %[1]s -- "$@"
}
`

const detached = `>/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &`

// input holds standard input byte for byte, for the former hook and for gt.
const input = `input=$(cat && echo .)
input=${input%.}
`

// Text is the whole file.
func (s Script) Text() string {
	var b strings.Builder
	reads := s.Name == PrePush || s.Name == PostReceive
	fmt.Fprintf(&b, introduction, s.Name, chainedSuffix)
	b.WriteString(programLine + quote(s.Program) + "\n")
	if reads {
		b.WriteString(input)
	}
	b.WriteString(chain)
	run := `former "$@"`
	if reads {
		run = `printf %s "$input" | ` + run
	}
	b.WriteString("if [ -x \"$0.gt-chained\" ]; then\n  " + run + "\n  code=$?\nfi\n")
	words := make([]string, len(s.Args))
	for i, a := range s.Args {
		words[i] = quote(a)
	}
	fmt.Fprintf(&b, start, strings.Join(words, " "))
	switch s.Name {
	case PrePush: // a push that the former hook refuses does not happen
		b.WriteString(`if [ -x "$gt" ] && [ "$code" -eq 0 ]; then` + "\n" +
			`  { printf %s "$input" | start pre-push "$@"; } ` + detached + "\nfi\n")
	case PostReceive:
		b.WriteString("case $input in\n*' " + strings.Join(RefPrefixes, "'* | *' ") + "'*)\n  if [ -x \"$gt\" ]; then\n" +
			`    { printf %s "$input" | start "$@"; } ` + detached + "\n  else\n" +
			`    echo "gt: $gt is missing here, so Towns are not told of this push; they find it at their next sync" >&2` +
			"\n  fi\n  ;;\nesac\n")
	default:
		b.WriteString(`if [ -x "$gt" ]; then` + "\n  start " + s.Name + ` "$@" </dev/null ` + detached + "\nfi\n")
	}
	b.WriteString("exit \"$code\"\n")
	body := b.String()
	return shebang + marker + digest(body) + "\n" + body
}

const shebang = "#!/bin/sh\n"

// digest covers all lines of a hook except the one that holds the digest.
func digest(body string) string {
	sum := sha256.Sum256([]byte(shebang + body))
	return hex.EncodeToString(sum[:16])
}

// quote makes one shell word.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// unquote is the inverse of quote.
func unquote(word string) (string, bool) {
	if len(word) < 2 || word[0] != '\'' || word[len(word)-1] != '\'' {
		return "", false
	}
	return strings.ReplaceAll(word[1:len(word)-1], `'\''`, "'"), true
}

// ours reports whether a text has the mark of gt, and whether it is unchanged.
func ours(text string) (marked, intact bool) {
	rest, ok := strings.CutPrefix(text, shebang+marker)
	if !ok {
		// A person may have put lines above the mark.
		return strings.Contains(text, "\n"+marker), false
	}
	sum, body, _ := strings.Cut(rest, "\n")
	return true, sum == digest(body)
}

// arguments are the words between gt and "--" in an unchanged hook of gt.
func arguments(text string) (words []string) {
	_, rest, _ := strings.Cut(text, `exec nohup "$gt" `)
	line, _, _ := strings.Cut(rest, "\n")
	for line != "" && line[0] == '\'' {
		end := 1
		for end < len(line) && (line[end] != '\'' || strings.HasPrefix(line[end:], `'\''`)) {
			if line[end] == '\'' {
				end += 3
			}
			end++
		}
		if end >= len(line) {
			return words
		}
		word, _ := unquote(line[:end+1])
		words = append(words, word)
		line = strings.TrimPrefix(line[end+1:], " ")
	}
	return words
}

// program is the path of the gt that a hook starts; "" when it cannot be found out.
func program(text string) string {
	for line := range strings.Lines(text) {
		if word, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), programLine); ok {
			path, _ := unquote(word)
			return path
		}
	}
	return ""
}
