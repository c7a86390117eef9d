package invocation

import (
	"io"
)

// The kinds of messages; see the package's documentation. Those from Go on are what
// a front sends, one byte each.
const (
	kindReady      = 'R'
	kindFiles      = 'F' // ready, once the front has opened these files
	kindDeclined   = 'D'
	kindExit       = 'X'
	KindGo         = 'G'
	KindInterrupt  = 'I'
	KindPause      = 'P' // use no stream
	KindBackground = 'B' // write, but do not read
	KindContinue   = 'C' // read and write
)

// maxReason bounds the text of a Declined in bytes.
const maxReason = 255

// Answer is the Deacon's first message.
type Answer struct {
	// Declined says that the front must run the command itself, and Reason says
	// why.
	Declined bool
	Reason   string
	// Writes says that the command may change something. It is set only if the
	// command was not declined.
	Writes bool
	// Files are what the front opens and passes with Go. Only the command of another user
	// than the Town's owner has any.
	Files []File
}

// Ended says how a command ended.
type Ended struct {
	// Code is the exit code.
	Code int
	// BrokenPipe says that the reader of standard output closed it: the front ends
	// as SIGPIPE would end it.
	BrokenPipe bool
	// Alone says that the command needs its own process after all: the front
	// becomes the engine. Nothing was printed.
	Alone bool
	// Written says that the command wrote its file (File.Write) to the end, so the front
	// gives it its name.
	Written bool
}

// The bits of a message's flags.
const (
	flagWrites = 1 << iota
	flagBrokenPipe
	flagAlone
	flagWritten
)

// Encode is the answer as it is sent.
func (a Answer) Encode() []byte {
	if a.Declined {
		reason := a.Reason[:min(len(a.Reason), maxReason)]
		return append([]byte{kindDeclined, byte(len(reason))}, reason...)
	}
	if len(a.Files) > 0 {
		return append([]byte{kindFiles, bit(a.Writes, flagWrites)}, encodeFiles(a.Files)...)
	}
	return []byte{kindReady, bit(a.Writes, flagWrites)}
}

// Encode is the end as it is sent.
func (e Ended) Encode() []byte {
	return []byte{kindExit, byte(e.Code), bit(e.BrokenPipe, flagBrokenPipe) | bit(e.Alone, flagAlone) | bit(e.Written, flagWritten)}
}

func bit(on bool, flag byte) byte {
	if on {
		return flag
	}
	return 0
}

func readAnswer(r io.Reader) (Answer, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Answer{}, err
	}
	switch head[0] {
	case kindReady:
		return Answer{Writes: head[1]&flagWrites != 0}, nil
	case kindFiles:
		files, err := readFiles(r)
		return Answer{Writes: head[1]&flagWrites != 0, Files: files}, err
	case kindDeclined:
		reason := make([]byte, head[1])
		_, err := io.ReadFull(r, reason)
		return Answer{Declined: true, Reason: string(reason)}, err
	}
	return Answer{}, ErrProtocol
}

func readEnded(r io.Reader) (Ended, error) {
	var m [3]byte
	if _, err := io.ReadFull(r, m[:]); err != nil {
		return Ended{}, err
	}
	if m[0] != kindExit {
		return Ended{}, ErrProtocol
	}
	return Ended{Code: int(m[1]), BrokenPipe: m[2]&flagBrokenPipe != 0, Alone: m[2]&flagAlone != 0, Written: m[2]&flagWritten != 0}, nil
}
