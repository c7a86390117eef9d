package files

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"gastown/town"
)

// SyntaxError says why a text is not accepted as a document, and where.
type SyntaxError struct {
	// Path is relative to federation/, with forward slashes.
	Path string
	// Line counts from 1; 0 means the whole file.
	Line   int
	Reason string
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Reason)
}

// Meta is what a document says about itself.
type Meta struct {
	// Title is one line for lists: a role's first heading, a formula's title, or the
	// name.
	Title string
	// Description is required of roles and formulas; templates have none.
	Description string
	// Version is the semantic version of a formula; empty for other kinds.
	Version string
	// Steps of a formula, in the order of the file.
	Steps []Step
	// Vars of a formula, by name.
	Vars map[string]Var
}

// Step is one step of a formula.
type Step struct {
	ID          string
	Title       string
	Description string
	// Needs has the ids of steps that come before this one. All exist, and there is
	// no cycle.
	Needs []string
}

// Var is a value that a formula asks for when it is used.
type Var struct {
	Description string
	// Default is empty when there is none.
	Default  string
	Required bool
}

// Check returns what the text of the document key says about itself, or a
// *[SyntaxError]. Its time and memory are bounded whatever the text is.
func Check(key town.Key, text string) (Meta, error) {
	path := key.Path()
	if err := town.CheckName(key.Name); err != nil {
		return Meta{}, &SyntaxError{Path: path, Reason: err.Error()}
	}
	if err := checkText(path, text); err != nil {
		return Meta{}, err
	}
	switch key.Kind {
	case town.KindRole:
		return checkRole(key, text)
	case town.KindFormula:
		return checkFormula(key, text)
	case town.KindTemplate:
		return Meta{Title: key.Name}, nil
	}
	return Meta{}, &SyntaxError{Path: path, Reason: fmt.Sprintf("unknown kind %q", key.Kind)}
}

// checkText checks what every kind of document requires.
func checkText(path, text string) error {
	if len(text) > town.MaxDocumentBytes {
		return &SyntaxError{Path: path, Reason: tooLarge(int64(len(text)))}
	}
	if i := strings.IndexByte(text, 0); i >= 0 {
		return &SyntaxError{Path: path, Line: lineAt(text, i), Reason: "contains a NUL byte, so it is not a text"}
	}
	if !utf8.ValidString(text) {
		return &SyntaxError{Path: path, Line: lineAt(text, invalidAt(text)), Reason: "is not valid UTF-8"}
	}
	return nil
}

func tooLarge(size int64) string {
	return fmt.Sprintf("has %d bytes, more than the %d allowed", size, town.MaxDocumentBytes)
}

// lineAt returns the line of the byte at offset, counted from 1.
func lineAt(text string, offset int) int { return 1 + strings.Count(text[:offset], "\n") }

// invalidAt returns the offset of the first byte that is not UTF-8.
func invalidAt(text string) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(text)
}
