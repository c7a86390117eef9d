package gitcmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
)

// maxMessage bounds the bytes of a commit's message that Log reads.
const maxMessage = 1 << 20

// Logged is a commit of a person's repository.
type Logged struct {
	// ID is abbreviated as git does. Message is the whole message.
	ID, Message string
}

// Log calls yield for the commits that HEAD leads to, newest first, at most so many.
// A repository without a commit has none. An error of yield ends it.
func (p Place) Log(ctx context.Context, most int, yield func(Logged) error) error {
	op := "read the history of " + p.GitDir
	head, err := p.Resolve(ctx, "HEAD")
	if err != nil || head == "" {
		return err
	}
	pr, pw, err := os.Pipe()
	if err != nil {
		return err
	}
	defer pr.Close()
	c := command{op: op, args: []string{"log", "-z", "--no-show-signature", "--no-color", "--format=%h%n%B", "--max-count=" + strconv.Itoa(most), head}}
	proc, err := (&Repo{Dir: p.GitDir, opts: p.opts}).start(ctx, c, nil, pw)
	pw.Close()
	if err != nil {
		return err
	}
	scanner := bufio.NewScanner(pr)
	scanner.Buffer(make([]byte, 0, 1<<16), maxMessage)
	scanner.Split(splitNUL)
	for err == nil && scanner.Scan() {
		id, message, _ := strings.Cut(scanner.Text(), "\n")
		err = yield(Logged{ID: id, Message: message})
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		err = fail(op, ErrTooLarge, "a message is longer than a mebibyte", nil)
	}
	if err != nil {
		proc.stop()
		_ = proc.wait() // it was stopped
		return err
	}
	return proc.wait()
}

// splitNUL splits at NUL bytes.
func splitNUL(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
