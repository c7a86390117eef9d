package slots

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gastown/town"
)

// A child process of the tests: it holds a slot until its standard input ends.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SLOTS_HOLD"); dir != "" {
		s, err := Acquire(context.Background(), Options{Dir: dir, Limit: 1, Command: "holder"})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		_ = s.Release()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestNeverMoreThanTheLimitAndEveryoneComesIn(t *testing.T) {
	dir := t.TempDir()
	const limit, workers, rounds = 3, 12, 8
	var inside, most, done atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range rounds {
				s, err := Acquire(t.Context(), Options{Dir: dir, Limit: limit})
				if err != nil {
					t.Error(err)
					return
				}
				n := inside.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				done.Add(1)
				inside.Add(-1)
				if err := s.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if most.Load() > limit || done.Load() != workers*rounds {
		t.Errorf("%d at once, %d in all", most.Load(), done.Load())
	}
	if left, err := (&queue{Options{Dir: dir}}).tickets(); err != nil || len(left) > 0 {
		t.Errorf("tickets left: %v, %v", left, err)
	}
}

func TestFirstComeFirstServed(t *testing.T) {
	dir := t.TempDir()
	first, err := Acquire(t.Context(), Options{Dir: dir, Limit: 1, Command: "bd list"})
	if err != nil {
		t.Fatal(err)
	}
	const waiters = 6
	order := make(chan int, waiters)
	var wg sync.WaitGroup
	for i := range waiters {
		queued := make(chan Wait, 2*waiters)
		wg.Go(func() {
			s, err := Acquire(t.Context(), Options{Dir: dir, Limit: 1, Waiting: func(w Wait) { queued <- w }})
			if err != nil {
				t.Error(err)
				return
			}
			order <- i
			if err := s.Release(); err != nil {
				t.Error(err)
			}
		})
		w := <-queued // this one has its ticket before the next one comes
		if w.Ahead != i || len(w.Holders) != 1 || !strings.HasPrefix(w.String(), "all 1 slots are taken by bd list (process ") {
			t.Errorf("%d waits for %v", i, w)
		}
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	for i := range waiters {
		if got := <-order; got != i {
			t.Errorf("place %d went to %d", i, got)
		}
	}
}

func TestAKilledProcessFreesItsSlotAndItsTicket(t *testing.T) {
	dir := t.TempDir()
	holder := start(t, dir)
	if line := holder.line(t); line != "held" {
		t.Fatal(line)
	}
	waiter := start(t, dir)
	q := &queue{Options{Dir: dir, Limit: 1}}
	await(t, "a ticket", func() bool {
		n, err := q.ahead(1 << 62)
		return err == nil && n == 1
	})
	waiter.kill(t)
	holder.kill(t)
	s, err := Acquire(t.Context(), Options{Dir: dir, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if left, err := q.tickets(); err != nil || len(left) > 0 {
		t.Errorf("a dead ticket stays: %v, %v", left, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := Acquire(ctx, Options{Dir: dir, Limit: 1}); !errors.Is(err, town.ErrBusy) || town.Next(err) == "" {
		t.Errorf("%v", err)
	}
	if err := s.Release(); err != nil {
		t.Error(err)
	}
	if _, err := Acquire(t.Context(), Options{Dir: dir}); !errors.Is(err, town.ErrUsage) {
		t.Errorf("%v", err)
	}
}

type process struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

func start(t *testing.T, dir string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SLOTS_HOLD="+dir)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd, bufio.NewReader(out)}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return p
}

func (p *process) line(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // it says that it was killed
}

// await polls a condition until it holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
