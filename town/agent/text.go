package agent

import (
	"slices"
	"strings"
	"unicode"
)

// Clean is a text as it is handed over: valid UTF-8 with "\n" between lines, and
// symbols in place of control characters, because some of those would end the paste or
// be taken for keys. The tab stays.
func Clean(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\r\n", "\n"), "\r", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ':
			return '\u2400' + r
		case r == 0x7f:
			return '\u2421'
		case unicode.IsControl(r):
			return '\ufffd'
		}
		return r
	}, text)
}

// commands are what texts begin with that programs take for commands of their own.
const commands = "!/#@?&$%:\\"

// words are texts that programs take for commands when they stand alone.
var words = []string{"exit", "quit", "q", "logout", "bye", "help", "clear"}

// Message is a text that no agent's program takes for a command of its own, such as one
// for a shell. It begins with "Message: " if it would be one otherwise. A blank follows
// a last word that begins with "@": some programs complete such a word on Enter.
func Message(text string) string {
	begin := strings.TrimSpace(text)
	if at := strings.LastIndexAny(text, "@ \t\n"); at >= 0 && text[at] == '@' {
		text += " "
	}
	if begin != "" && strings.ContainsRune(commands, rune(begin[0])) || slices.Contains(words, strings.ToLower(begin)) {
		return "Message: " + text
	}
	return text
}
