package stockdolt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"gastown/e2e/internal/ports"
)

const (
	// defaultStart is how long a server may take until it answers.
	defaultStart = 2 * time.Minute
	// servePoll is the pause between two attempts to reach it.
	servePoll = 10 * time.Millisecond
)

// Serve runs dolt sql-server on the databases below dir and returns its address
// (host:port) once it answers. The user root has no password. The caller must call
// stop, which ends the server and waits for it; a second call does nothing.
func (r *Runner) Serve(ctx context.Context, dir string) (address string, stop func() error, err error) {
	held, release, err := ports.Hold()
	if err != nil {
		return "", nil, fmt.Errorf("serve with stock dolt: %w", err)
	}
	port := strconv.Itoa(held)
	address = net.JoinHostPort("127.0.0.1", port)
	cmd := r.Command(context.WithoutCancel(ctx), dir, "sql-server", "--data-dir", dir, "--host", "127.0.0.1", "--port", port, "--loglevel", "error")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		release()
		return "", nil, fmt.Errorf("serve with stock dolt: %w", err)
	}
	ended := make(chan error, 1)
	go func() { defer release(); ended <- cmd.Wait() }()
	stop = sync.OnceValue(func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		<-ended
		return nil
	})
	for deadline := time.After(defaultStart); ; {
		if answers(address) {
			return address, stop, nil
		}
		select {
		case err := <-ended:
			return "", nil, fmt.Errorf("serve with stock dolt: %w: %s", err, strings.TrimSpace(said.String()))
		case <-ctx.Done():
			return "", nil, errors.Join(ctx.Err(), stop())
		case <-deadline:
			return "", nil, errors.Join(errors.New("serve with stock dolt: it does not answer"), stop())
		case <-time.After(servePoll):
		}
	}
}

// answers reports whether a MySQL server sends its greeting.
func answers(address string) bool {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	n, err := conn.Read(make([]byte, 1))
	return n == 1 && err == nil
}
