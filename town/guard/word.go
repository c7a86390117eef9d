package guard

import "strings"

// word is one word of a command.
type word struct {
	// text is what is known of it: all, or what stands before something that only a
	// shell can tell, such as a variable.
	text string
	// known is false when more follows that is not known.
	known bool
	// tilde says that it begins with a ~ that a shell replaces.
	tilde bool
}

// word reads one word.
func (p *parser) word() (w word, err error) {
	w.known = true
	var text strings.Builder
	// add adds text, unless something unknown stands before it.
	add := func(s string) {
		if w.known {
			text.WriteString(s)
		}
	}
	begin := p.at
	for p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case strings.IndexByte(" \t\r\n;&|()<>", c) >= 0:
			w.text = text.String()
			return w, nil
		case c == '~' && p.at == begin:
			w.tilde = true
			add("~")
			p.at++
		case c == '\\':
			if p.at+1 < len(p.src) && p.src[p.at+1] != '\n' {
				add(p.src[p.at+1 : p.at+2])
			}
			p.at = min(len(p.src), p.at+2)
		case c == '\'':
			end := strings.IndexByte(p.src[p.at+1:], '\'')
			if end < 0 {
				return w, errQuote
			}
			add(p.src[p.at+1 : p.at+1+end])
			p.at += end + 2
		case c == '"':
			if err := p.quoted(&w, add); err != nil {
				return w, err
			}
		case c == '$' && p.next("$'"):
			if err := p.ansi(add); err != nil {
				return w, err
			}
		case c == '$' && p.next(`$"`):
			p.at++
		case c == '$' || c == '`':
			if err := p.expand(&w, add); err != nil {
				return w, err
			}
		case c == '*' || c == '?' || c == '[':
			// What it matches stands below what was read so far.
			w.known = false
			p.at++
		default:
			add(p.src[p.at : p.at+1])
			p.at++
		}
	}
	w.text = text.String()
	return w, nil
}

// quoted reads a text between double quotes.
func (p *parser) quoted(w *word, add func(string)) error {
	p.at++
	for p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case c == '"':
			p.at++
			return nil
		case c == '\\' && p.at+1 < len(p.src):
			switch n := p.src[p.at+1]; n {
			case '$', '`', '"', '\\':
				add(string(n))
			case '\n':
			default:
				add(p.src[p.at : p.at+2])
			}
			p.at += 2
		case c == '$' || c == '`':
			if err := p.expand(w, add); err != nil {
				return err
			}
		default:
			add(p.src[p.at : p.at+1])
			p.at++
		}
	}
	return errQuote
}

// ansi reads $'text', in which a backslash stands before special characters.
func (p *parser) ansi(add func(string)) error {
	p.at += 2
	special := strings.NewReplacer("n", "\n", "t", "\t", "r", "\r")
	for p.at < len(p.src) {
		switch c := p.src[p.at]; {
		case c == '\'':
			p.at++
			return nil
		case c == '\\' && p.at+1 < len(p.src):
			add(special.Replace(p.src[p.at+1 : p.at+2]))
			p.at += 2
		default:
			add(p.src[p.at : p.at+1])
			p.at++
		}
	}
	return errQuote
}

// expand reads a variable, a command that is replaced by its output, or a sum.
func (p *parser) expand(w *word, add func(string)) error {
	switch {
	case p.next("`"):
		end := p.at + 1
		for end < len(p.src) && p.src[end] != '`' {
			if p.src[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(p.src) {
			return errQuote
		}
		inside := strings.NewReplacer("\\`", "`", `\\`, `\`, `\$`, "$").Replace(p.src[p.at+1 : end])
		p.at, w.known = end+1, false
		list, err := split(inside, p.depth+1, p.env)
		for _, c := range list {
			c.level += p.level + 1
			p.out = append(p.out, c)
		}
		p.passed()
		return err
	case p.next("$(("):
		end := strings.Index(p.src[p.at:], "))")
		if end < 0 {
			return errParen
		}
		p.at, w.known = p.at+end+2, false
		return nil
	case p.next("$("):
		p.at += 2
		w.known = false
		return p.inner(")")
	case p.next("${"):
		end := strings.IndexByte(p.src[p.at:], '}')
		if end < 0 {
			return errParen
		}
		p.variable(p.src[p.at+2:p.at+end], w, add)
		p.at += end + 1
		return nil
	}
	end := p.at + 1
	for end < len(p.src) && nameByte(p.src[end]) {
		end++
	}
	if end == p.at+1 {
		if end < len(p.src) && strings.IndexByte("?$!#@*-", p.src[end]) >= 0 {
			p.at, w.known = end+1, false
			return nil
		}
		add("$")
		p.at++
		return nil
	}
	p.variable(p.src[p.at+1:end], w, add)
	p.at = end
	return nil
}

// variable adds a variable's value, if it is known.
func (p *parser) variable(name string, w *word, add func(string)) {
	if value, ok := p.env(name); ok {
		add(value)
		return
	}
	w.known = false
}

func nameByte(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
