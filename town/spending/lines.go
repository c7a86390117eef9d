package spending

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

const (
	// maxLine is the longest line that is looked at; of a longer one each piece of this
	// length is skipped. Programs write what tools printed, but not in the line of an answer.
	maxLine = 8 << 20
	// headSize is how much of the beginning tells files apart.
	headSize = 512
)

// eachLine calls fn with the whole lines that begin at offset, until about most bytes
// were read, and returns where the next line begins. A last line without an end stays
// for the next time. more says that there are further lines.
func eachLine(r io.ReaderAt, offset, size, most int64, fn func([]byte)) (next int64, more bool, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, offset, max(0, size-offset)), 64<<10)
	next = offset
	for next-offset < most {
		line, length, whole, err := readLine(in)
		switch {
		case err != nil && !errors.Is(err, io.EOF):
			return next, false, err
		case !whole:
			return next, false, nil
		}
		next += length
		if line = bytes.TrimSpace(line); len(line) > 0 {
			fn(line)
		}
	}
	return next, next < size, nil
}

// readLine reads one line; whole is false when the file ends before it does. A line that
// is too long ends there, and is nil.
func readLine(in *bufio.Reader) (line []byte, length int64, whole bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		length += int64(len(part))
		if length > maxLine {
			return nil, length, true, nil
		}
		if line = append(line, part...); err == nil {
			return line, length, true, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, length, false, err
		}
	}
}
