package ledger

import (
	"bufio"
	"bytes"
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
	text []byte
	line int
	bead town.Bead
	// unknown is a status that this program does not know. err says why the
	// line could not be read, invalid what is wrong with the bead that was
	// read.
	unknown      string
	invalid, err error
}

// eachLine parses the lines of an import on all processors and calls took with
// each, in order. It returns how many lines there were.
func eachLine(r io.Reader, keep bool, took func(parsed)) (n int, err error) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 1<<16), maxLine)
	var some []parsed
	size := 0
	flush := func() {
		parseAll(some, keep)
		for i := range some {
			took(some[i])
		}
		clear(some)
		some, size = some[:0], 0
	}
	for scanner.Scan() {
		n++
		line := bytes.TrimSpace(scanner.Bytes())
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) == 0 {
			continue
		}
		some = append(some, parsed{text: bytes.Clone(line), line: n})
		if size += len(line); size >= parseBytes || len(some) == parseLines {
			flush()
		}
	}
	flush()
	return n, scanner.Err()
}

func parseAll(lines []parsed, keep bool) {
	all := group.New()
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		all.Go(func() error {
			for i := w; i < len(lines); i += workers {
				lines[i].parse(keep)
			}
			return nil
		})
	}
	_ = all.Wait() // none fails
}

func (p *parsed) parse(keep bool) {
	p.bead, p.err = parseLine(p.text, keep)
	if p.err == nil && p.bead.Status != tombstone {
		p.unknown = tidy(&p.bead)
		p.invalid = p.bead.Validate()
	}
}
