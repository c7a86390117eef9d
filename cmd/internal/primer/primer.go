// Package primer is what bd prime and gt prime have in common: texts for agents, short
// and on known lines, from what people and other Towns wrote.
package primer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/layout"
)

// Clip is text on one line, shortened to about n bytes.
func Clip(text string, n int) string {
	return term.Clean(town.Clip(strings.Join(strings.Fields(text), " "), n))
}

// Whole is text of several lines in at most n bytes. where has all of it.
func Whole(text string, n int, where string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = term.Clean(strings.TrimRight(line, "\r\n"))
		if b.Len()+len(line) >= n {
			fmt.Fprintf(&b, "%s\n(clipped: %s has the rest)", town.Clip(line, max(0, n-b.Len())), where)
			break
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// Quoted is a text that somebody wrote, in at most about n bytes. Each line begins with
// "> ", so no line of it looks like one of ours, and nothing in it ends the block that an
// agent's program puts around it. where has all of it.
func Quoted(text string, n int, where string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(town.Clip(text, 2*n))) {
		b.WriteString("> " + harmless(line))
	}
	return strings.TrimSuffix(Whole(b.String(), n, where), "\n") + "\n"
}

// Word is a text that somebody wrote, on one line and in quotes.
func Word(text string, n int) string {
	return `"` + harmless(strings.ReplaceAll(Clip(text, n), `"`, "'")) + `"`
}

// harmless breaks what programs take for the end of a block of their own.
func harmless(line string) string { return strings.ReplaceAll(line, "</", "< /") }

// Documents lists the Town's documents by the name of their kind's directory, without
// those that except names. It says what cannot be read.
func Documents(t layout.Town, except string) (names map[string][]string, missing []string) {
	names = map[string][]string{}
	for _, k := range town.Kinds {
		entries, err := os.ReadDir(filepath.Join(t.Files(), k.Dir()))
		if err != nil {
			if !os.IsNotExist(err) {
				missing = append(missing, k.Dir()+": "+err.Error())
			}
			continue
		}
		for _, e := range entries {
			key, err := town.ParsePath(k.Dir() + "/" + e.Name())
			if err == nil && e.Type().IsRegular() && e.Name() != except {
				names[k.Dir()] = append(names[k.Dir()], key.Name)
			}
		}
	}
	return names, missing
}

// Document reads a document of the Town; "" when there is none.
func Document(t layout.Town, key town.Key) (string, error) {
	path := filepath.Join(t.Files(), filepath.FromSlash(key.Path()))
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular() || info.Size() > town.MaxDocumentBytes:
		return "", fmt.Errorf("%s is not a document (mode %s, %d bytes)", path, info.Mode(), info.Size())
	}
	text, err := os.ReadFile(path)
	return string(text), err
}
