package federation

import (
	"errors"
	"slices"

	"gastown/cmd/internal/term"
	"gastown/sync/federate"
	"gastown/sync/files"
	"gastown/town"
)

// fileReport is federate.FileReport for printing.
type fileReport struct {
	Invalid  []invalidFile `json:"invalid,omitempty"`
	Kept     []keptFile    `json:"kept,omitempty"`
	Changing []namedFile   `json:"changing,omitempty"`
	Rescued  []namedFile   `json:"rescued,omitempty"`
	Dropped  []namedFile   `json:"dropped,omitempty"`
}

type invalidFile struct {
	Path   string `json:"path"`
	Line   int    `json:"line,omitempty"`
	Reason string `json:"reason"`
	text   string
}

type keptFile struct {
	Document string `json:"document"`
	Path     string `json:"path"`
	Reason   string `json:"reason"`
}

type namedFile struct {
	Document string `json:"document"`
	Path     string `json:"path"`
}

func reportFiles(r federate.FileReport) (out fileReport) {
	for _, f := range r.Invalid {
		out.Invalid = append(out.Invalid, invalid(f))
	}
	for _, f := range r.Kept {
		out.Kept = append(out.Kept, keptFile{f.Key.String(), f.Path(), town.Plain(f.Reason.Error())})
	}
	for _, key := range r.Changing {
		out.Changing = append(out.Changing, namedFile{key.String(), key.Path()})
	}
	for _, f := range r.Rescued {
		out.Rescued = append(out.Rescued, namedFile{f.Key.String(), f.Path})
	}
	for _, f := range r.Dropped {
		out.Dropped = append(out.Dropped, namedFile{f.Key.String(), f.Path})
	}
	return out
}

// hasEntries reports whether print would print anything.
func (r fileReport) hasEntries() bool {
	return len(r.Invalid)+len(r.Kept)+len(r.Changing)+len(r.Rescued)+len(r.Dropped) > 0
}

func invalid(f files.Invalid) invalidFile {
	out := invalidFile{Path: f.Path, Reason: town.Plain(f.Err.Error()), text: town.Plain(f.Err.Error())}
	var at *files.SyntaxError
	if errors.As(f.Err, &at) {
		out.Line, out.Reason = at.Line, at.Reason
	}
	return out
}

// print lists the files that need a person. Several steps of a command may find the
// same invalid file; it is printed once.
func (r fileReport) print(p *term.Printer) {
	found := slices.DeleteFunc(slices.Clone(r.Invalid), func(f invalidFile) bool { return !p.Once(f.text) })
	if len(found) > 0 {
		p.Line("Left alone until corrected:")
		for _, f := range found {
			p.Styled(term.Bad, "  %s", f.text)
		}
	}
	if len(r.Kept) > 0 {
		p.Line("Not overwritten, because they have an edit of yours (gt federation commit records it):")
		for _, f := range r.Kept {
			p.Line("  %s: %s", f.Path, f.Reason)
		}
	}
	if len(r.Changing) > 0 {
		p.Line("Being written by another program, so not recorded yet; taken once it has closed them:")
		for _, f := range r.Changing {
			p.Line("  %s", f.Path)
		}
	}
	if len(r.Rescued) > 0 {
		p.Line("Texts that lost their place were kept; compare them with the files beside them:")
		for _, f := range r.Rescued {
			p.Line("  %s (of %s)", f.Path, f.Document)
		}
	}
	for _, f := range r.Dropped {
		p.Line("%s, left by a command that was killed, was removed: the history of %s has its text", f.Path, f.Document)
	}
}

func printNotes(p *term.Printer, notes []string) {
	for _, n := range notes {
		p.Line("  %s", n)
	}
}
