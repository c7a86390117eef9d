package front

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// noticeAfter is how long the front waits before it says so, noticeEvery how often
	// the figure changes then.
	noticeAfter = time.Second
	noticeEvery = time.Second
	// restart moves to the start of the terminal's line and clears it.
	restart = "\r\x1b[K"
)

// notice tells a person at a terminal what the front waits for, in a line that is
// removed at the end. Once the command runs, its own progress takes over.
type notice struct {
	stop chan struct{}
	done sync.WaitGroup
}

// beginNotice begins one. Nothing is shown if standard error is no terminal.
func beginNotice(what string) *notice {
	n := &notice{stop: make(chan struct{})}
	if !onTerminal() {
		return n
	}
	n.done.Go(func() {
		began, tick := time.Now(), time.NewTimer(noticeAfter)
		defer tick.Stop()
		for shown := false; ; shown = true {
			select {
			case <-tick.C:
				fmt.Fprintf(os.Stderr, "%s%s (%d s)", restart, what, int(time.Since(began)/time.Second))
				tick.Reset(noticeEvery)
			case <-n.stop:
				if shown {
					clearLine()
				}
				return
			}
		}
	})
	return n
}

// end removes the line.
func (n *notice) end() {
	close(n.stop)
	n.done.Wait()
}

// clearLine clears the line in which a progress may stand that nobody will remove.
func clearLine() {
	if onTerminal() {
		fmt.Fprint(os.Stderr, restart)
	}
}

// onTerminal reports whether standard error is a terminal.
func onTerminal() bool {
	_, err := unix.IoctlGetTermios(unix.Stderr, unix.TCGETS)
	return err == nil
}
