package ledger

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"

	"gastown/town"
	"gastown/town/group"
)

// Lines are parsed in groups of about so many bytes, and at most so many lines.
const (
	parseBytes = 4 << 20
	parseLines = 1024
)

// tombstone is the status in a line that marks a deletion.
const tombstone = "tombstone"

// parsed is one line of an import.
type parsed struct {
	text   []byte
	line   int
	bead   town.Bead
	memory Memory
	// strange are the unknown fields, which are kept. odd says what was mended. undated
	// says that the line has no dates.
	strange, odd []string
	undated      bool
	// err says why the line could not be read. invalid says what is wrong with the bead
	// that was read.
	invalid, err error
}

// eachLine parses the lines of an import on all processors and calls took with
// each, in order. A line of more than maxLine bytes has an error and no text.
func eachLine(r io.Reader, took func(*parsed)) (n int, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	var some []parsed
	size := 0
	flush := func() {
		parseAll(some)
		for i := range some {
			took(&some[i])
		}
		clear(some)
		some, size = some[:0], 0
	}
	for {
		text, err := readLine(in)
		if err != nil && !errors.Is(err, errLongLine) {
			flush()
			if errors.Is(err, io.EOF) {
				return n, nil
			}
			return n, err
		}
		if n++; n == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if text = bytes.TrimSpace(text); len(text) == 0 && err == nil {
			continue
		}
		some = append(some, parsed{text: text, line: n, err: err})
		if size += len(text); size >= parseBytes || len(some) == parseLines {
			flush()
		}
	}
}

// errLongLine reports a line that is too long to be read.
var errLongLine = fmt.Errorf("%w: the line is longer than %d bytes", town.ErrBadBead, maxLine)

// readLine returns the next line in memory of its own. Of a line that is too long
// it keeps nothing.
func readLine(in *bufio.Reader) (line []byte, err error) {
	long := false
	for {
		part, more, err := in.ReadLine()
		if err != nil {
			return nil, err // ReadLine returns a line or an error, never both
		}
		if long = long || len(line)+len(part) > maxLine; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		switch {
		case more:
		case long:
			return nil, errLongLine
		default:
			return line, nil
		}
	}
}

func parseAll(lines []parsed) {
	all := group.New()
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() error {
			for i := w; i < len(lines); i += workers {
				lines[i].parse()
			}
			return nil
		})
	}
	_ = all.Wait() // none fails
}

func (p *parsed) parse() {
	if p.err != nil {
		return
	}
	if p.err = p.read(); p.err != nil || p.bead.Status == tombstone {
		return
	}
	p.mend()
	tidy(&p.bead)
	p.invalid = p.bead.Validate()
}
