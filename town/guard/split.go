package guard

import (
	"errors"
	"strings"
)

// Limits of a line that is understood.
const (
	maxLine  = 256 << 10 // bytes
	maxDepth = 16        // of commands within commands
)

var (
	errTooLong = errors.New("the command is too long to be understood")
	errTooDeep = errors.New("the command has commands within commands too deeply")
	errQuote   = errors.New("a quote does not end")
	errParen   = errors.New("a parenthesis does not end")
)

// command is one simple command of a line.
type command struct {
	words []word
	// to are files that its output goes to.
	to []word
	// input is text that it is given by the line itself.
	input string
	// level counts the parentheses around it: cd changes the directory only within
	// them.
	level int
}

// parser reads a line as a POSIX shell does, as far as it takes to know which programs
// it would run with which arguments. It runs nothing.
type parser struct {
	src   string
	at    int
	level int
	depth int
	env   func(string) (string, bool)
	out   []command
	now   command
	// here are the ends of the texts that begin on the next line, and the commands
	// that get them.
	here []hereText
}

type hereText struct {
	end     string
	tabs    bool
	command int
}

// split returns the simple commands of a line, also those within others; with an error,
// those before it. env tells variables that are known.
func split(src string, depth int, env func(string) (string, bool)) ([]command, error) {
	if len(src) > maxLine {
		return nil, errTooLong
	}
	p := &parser{src: src, depth: depth, env: env}
	err := p.list("")
	return p.out, err
}

// list reads commands up to one of the closing characters, or to the end.
func (p *parser) list(closing string) error {
	if p.depth > maxDepth {
		return errTooDeep
	}
	for p.at < len(p.src) {
		c := p.src[p.at]
		switch {
		case closing != "" && strings.IndexByte(closing, c) >= 0:
			p.end()
			p.at++
			return nil
		case c == ' ' || c == '\t' || c == '\r':
			p.at++
		case c == '\\' && p.next("\\\n"):
			p.at += 2
		case c == '\n':
			p.at++
			p.end()
			p.hereTexts()
		case c == '#':
			for p.at < len(p.src) && p.src[p.at] != '\n' {
				p.at++
			}
		case p.next("&>"):
			p.at++
			if err := p.redirect(); err != nil {
				return err
			}
		case c == ';' || c == '&' || c == '|':
			p.at++
			p.end()
		case c == '(':
			p.at++
			p.end()
			p.level, p.depth = p.level+1, p.depth+1
			if err := p.list(")"); err != nil {
				return err
			}
			p.level, p.depth = p.level-1, p.depth-1
		case c == ')': // of a pattern of case
			p.at++
			p.end()
		case c == '<' || c == '>':
			if err := p.redirect(); err != nil {
				return err
			}
		default:
			w, err := p.word()
			if err != nil {
				return err
			}
			// A number before < or > is that of a descriptor.
			if p.at < len(p.src) && (p.src[p.at] == '<' || p.src[p.at] == '>') && w.known && strings.Trim(w.text, "0123456789") == "" {
				continue
			}
			p.now.words = append(p.now.words, w)
		}
	}
	p.end()
	if closing != "" {
		return errParen
	}
	return nil
}

func (p *parser) next(s string) bool { return strings.HasPrefix(p.src[p.at:], s) }

// end ends the current command.
func (p *parser) end() {
	if len(p.now.words)+len(p.now.to) > 0 {
		p.now.level = p.level
		p.out = append(p.out, p.now)
	}
	p.now = command{}
}

// redirect reads an operator that begins with < or > and what follows it.
func (p *parser) redirect() error {
	begin := p.at
	for p.at < len(p.src) && strings.IndexByte("<>&|-", p.src[p.at]) >= 0 {
		if p.src[p.at] == '-' && p.src[begin:p.at] != "<<" {
			break
		}
		p.at++
	}
	op := p.src[begin:p.at]
	if p.next("(") { // <(command) and >(command)
		p.at++
		p.now.words = append(p.now.words, word{})
		return p.inner(")")
	}
	for p.at < len(p.src) && (p.src[p.at] == ' ' || p.src[p.at] == '\t') {
		p.at++
	}
	if p.at == len(p.src) || strings.IndexByte("\n;&|()", p.src[p.at]) >= 0 {
		return nil
	}
	w, err := p.word()
	switch {
	case err != nil:
		return err
	case op == "<<" || op == "<<-":
		p.here = append(p.here, hereText{w.text, op == "<<-", len(p.out)})
	case op == "<<<":
		p.now.input = w.text
	case strings.HasPrefix(op, ">") && op != ">&":
		p.now.to = append(p.now.to, w)
	}
	return nil
}

// hereTexts reads the texts that a line asked for.
func (p *parser) hereTexts() {
	for _, h := range p.here {
		var text strings.Builder
		for p.at < len(p.src) {
			line, _, _ := strings.Cut(p.src[p.at:], "\n")
			p.at = min(len(p.src), p.at+len(line)+1)
			if h.tabs {
				line = strings.TrimLeft(line, "\t")
			}
			if line == h.end {
				break
			}
			text.WriteString(line + "\n")
		}
		if h.command < len(p.out) {
			p.out[h.command].input = text.String()
		}
	}
	p.here = nil
}

// inner reads commands within the current one, which goes on after them.
func (p *parser) inner(closing string) error {
	outer, here := p.now, p.here
	p.now, p.here = command{}, nil
	p.level, p.depth = p.level+1, p.depth+1
	err := p.list(closing)
	p.level, p.depth = p.level-1, p.depth-1
	p.now, p.here = outer, here
	p.passed()
	return err
}

// passed notes that commands within the current one come before it.
func (p *parser) passed() {
	for i := range p.here {
		p.here[i].command = len(p.out)
	}
}
