package guard

import (
	"slices"
	"strings"
)

// Programs that write the files which their operands name: all of them, or the last one.
var (
	writeAll  = []string{"tee", "touch", "truncate"}
	writeLast = []string{"cp", "mv", "ln", "install", "rsync"}
	editors   = []string{"sed", "perl"}
)

// written are the words of a call that name files which it writes, beside redirections.
func (c call) written() (all []word) {
	operands, into, inPlace := c.operands()
	switch {
	case slices.Contains(writeAll, c.program):
		return operands
	case slices.Contains(writeLast, c.program) && len(into) > 0:
		return into
	case slices.Contains(writeLast, c.program) && len(operands) > 1:
		return operands[len(operands)-1:]
	case slices.Contains(editors, c.program) && inPlace:
		return operands // the first may be a script, which looks like a file of the sandbox
	case c.program == "dd":
		for _, w := range c.args {
			if path, ok := strings.CutPrefix(w.text, "of="); ok {
				w.text = path
				all = append(all, w)
			}
		}
	}
	return all
}

// operands are the arguments that are not options, the directory of -t, and whether files
// are edited in place.
func (c call) operands() (all, into []word, inPlace bool) {
	for i := 0; i < len(c.args); i++ {
		w := c.args[i]
		switch {
		case w.known && w.text == "--":
			return append(all, c.args[i+1:]...), into, inPlace
		case w.known && (w.text == "-t" || w.text == "--target-directory") && i+1 < len(c.args):
			i++
			into = append(into, c.args[i])
		case strings.HasPrefix(w.text, "--target-directory="):
			w.text = strings.TrimPrefix(w.text, "--target-directory=")
			into = append(into, w)
		case len(w.text) > 1 && w.text[0] == '-':
			inPlace = inPlace || strings.HasPrefix(w.text, "--in-place") || w.text[1] != '-' && strings.Contains(w.text, "i")
		default:
			all = append(all, w)
		}
	}
	return all, into, inPlace
}
