package term

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// Ask asks the person at a terminal a question and reports whether the answer is
// yes.
func Ask(ctx context.Context, in io.Reader, out io.Writer, question string) (bool, error) {
	if _, err := fmt.Fprint(out, question+" [y/N] "); err != nil {
		return false, err
	}
	answer, err := ReadLine(ctx, in)
	if err != nil {
		return false, err
	}
	return Yes(answer), nil
}

// ReadLine reads an answer. When ctx ends first it returns that error, and text
// that is typed later remains for the next reader.
func ReadLine(ctx context.Context, from io.Reader) (string, error) {
	var line string
	var err error
	if !withDescriptor(from, func(fd int) { line, err = readLine(ctx, from, fd) }) {
		return readAbandoned(ctx, from)
	}
	return line, err
}

// readLine reads from a stream only when data is available.
func readLine(ctx context.Context, from io.Reader, fd int) (string, error) {
	var line []byte
	buf := make([]byte, 4096)
	for {
		if err := awaitData(ctx, fd); err != nil {
			return "", err
		}
		n, err := from.Read(buf)
		line = append(line, buf[:n]...)
		if err != nil && len(line) == 0 {
			return "", err
		}
		if err != nil || strings.Contains(string(line), "\n") {
			return string(line), nil
		}
	}
}

// awaitData waits until a descriptor has data or has ended, or until ctx ends.
func awaitData(ctx context.Context, fd int) error {
	ended, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		_, _ = unix.Write(ended, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	defer func() {
		if !stop() {
			<-told
		}
		_ = unix.Close(ended)
	}()
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(ended), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case fds[0].Revents != 0:
			return nil
		}
	}
}

// readAbandoned reads from a stream whose reads cannot be interrupted. After the
// end of ctx the read continues in the background until the stream ends.
func readAbandoned(ctx context.Context, from io.Reader) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReader(from).ReadString('\n')
		got <- answer{text, err}
	}()
	select {
	case r := <-got:
		if r.text != "" {
			return r.text, nil
		}
		return "", r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Yes reports whether an answer means yes.
func Yes(answer string) bool {
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true
	}
	return false
}
