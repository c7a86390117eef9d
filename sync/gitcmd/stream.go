package gitcmd

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
)

// stream runs one process that reads input, if any, and calls yield for each piece of
// its answer. An error of yield ends it.
func (s *Shared) stream(ctx context.Context, c command, input io.Reader, split bufio.SplitFunc, yield func(string) error) error {
	return s.repo.stream(ctx, c, input, split, yield)
}

// maxPiece bounds, in bytes, one piece of an answer that is read piece by piece.
const maxPiece = 1 << 20

func (r *Repo) stream(ctx context.Context, c command, input io.Reader, split bufio.SplitFunc, yield func(string) error) (err error) {
	outR, outW, err := os.Pipe()
	if err != nil {
		return failHere(c.op, err)
	}
	defer outR.Close()
	var inR, inW *os.File
	if input != nil {
		if inR, inW, err = os.Pipe(); err != nil {
			return errors.Join(failHere(c.op, err), outW.Close())
		}
	}
	p, err := r.start(ctx, c, inR, outW)
	outW.Close()
	if inR != nil {
		inR.Close()
	}
	if err != nil {
		if inW != nil {
			inW.Close()
		}
		return err
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		if inW != nil {
			_, _ = io.Copy(inW, input) // a process that ended early says why itself
			inW.Close()
		}
	}()
	scanner := bufio.NewScanner(outR)
	scanner.Buffer(make([]byte, 0, 1<<16), maxPiece)
	scanner.Split(split)
	for err == nil && scanner.Scan() {
		err = yield(scanner.Text())
	}
	if err == nil && errors.Is(scanner.Err(), bufio.ErrTooLong) {
		err = fail(c.op, ErrTooLarge, "a piece of git's answer is longer than a mebibyte", nil)
	}
	if err != nil {
		p.stop()
	}
	err = errors.Join(err, p.waitUnless(err))
	<-fed
	return err
}

// waitUnless waits, and returns how the process ended unless it was stopped.
func (p *running) waitUnless(stopped error) error {
	if err := p.wait(); stopped == nil {
		return err
	}
	return nil
}
