package invocation

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// MaxFiles is the largest number of files that a front opens for one command, and maxPath
// the longest path of one, in bytes.
const (
	MaxFiles = 8
	maxPath  = 4096
)

// File is a file that the arguments of another user's command name. The front opens it, with
// that user's rights, and passes the descriptor: the Deacon opens no path for another user.
type File struct {
	// Path is as the arguments have it.
	Path string
	// Write says that the command replaces the file, and does not read it.
	Write bool
}

// Named reports whether a person who typed args could have meant the file. A front opens no
// other: whoever listens at the socket would otherwise choose what the front opens. What
// a command writes must be the value of --output or -o, so that no word of a text becomes a
// file to replace.
func (f File) Named(args []string) bool {
	if f.Path == "" {
		return false
	}
	for i, arg := range args {
		before, ok := strings.CutSuffix(arg, f.Path)
		switch {
		case !ok:
		case f.Write && (before == "-o" || before == "-o=" || before == "--output="):
			return true
		case f.Write && before == "" && i > 0 && (args[i-1] == "-o" || args[i-1] == "--output"):
			return true
		case !f.Write && (before == "" || strings.HasSuffix(before, "=") || before == "@" || strings.HasSuffix(before, "=@") || short(before)):
			return true
		}
	}
	return false
}

// short reports whether a text is a flag of one letter, to which its value may be joined.
func short(s string) bool { return len(s) == 2 && s[0] == '-' && s[1] != '-' }

// encodeFiles is the list as it is sent: how many, and for each its use, the length of its
// path and the path.
func encodeFiles(files []File) []byte {
	out := []byte{byte(len(files))}
	for _, f := range files {
		out = append(out, bit(f.Write, flagWrites))
		out = binary.BigEndian.AppendUint16(out, uint16(len(f.Path)))
		out = append(out, f.Path...)
	}
	return out
}

func readFiles(r io.Reader) ([]File, error) {
	var count [1]byte
	if _, err := io.ReadFull(r, count[:]); err != nil {
		return nil, err
	}
	if count[0] == 0 || count[0] > MaxFiles {
		return nil, fmt.Errorf("%w: %d files", ErrProtocol, count[0])
	}
	files := make([]File, count[0])
	for i := range files {
		var head [3]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, err
		}
		size := binary.BigEndian.Uint16(head[1:])
		if size == 0 || size > maxPath {
			return nil, fmt.Errorf("%w: a path of %d bytes", ErrProtocol, size)
		}
		path := make([]byte, size)
		if _, err := io.ReadFull(r, path); err != nil {
			return nil, err
		}
		files[i] = File{Path: string(path), Write: head[0]&flagWrites != 0}
	}
	return files, nil
}

// Passable reports whether so many files with such paths can be asked for.
func Passable(files []File) bool {
	for _, f := range files {
		if f.Path == "" || len(f.Path) > maxPath {
			return false
		}
	}
	return len(files) <= MaxFiles
}
