package doltdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"gastown/town"
)

// The test runs its own binary as a server that can be killed.
const (
	childDir    = "GT_TEST_SERVE_DIR"
	childSocket = "GT_TEST_SERVE_SOCKET"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := childServes(dir, os.Getenv(childSocket)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// childServes serves until a signal stops it.
func childServes(dir, socket string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s, err := Serve(ctx, ServeOptions{
		Dir: filepath.Dir(dir), Planes: []string{filepath.Base(dir)}, Socket: socket, Command: "child", Wait: time.Minute, Grace: time.Minute,
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	<-ctx.Done()
	return s.Close(context.Background())
}

// serveInChild returns once the child serves.
func serveInChild(t *testing.T, dir, socket string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childSocket+"="+socket)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		rest, _ := io.ReadAll(out)
		t.Fatalf("the child said %q%q, %v", line, rest, err)
	}
	return cmd
}

// A killed server leaves a socket on which nobody answers. The next command
// opens the database itself at once, and the next server takes over the socket.
func TestKilledServer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	made(t, dir)
	opts := options(dir)
	opts.Socket = filepath.Join(shortDir(t), "sql.sock")
	child := serveInChild(t, dir, opts.Socket)
	db := open(t, opts)
	put(t, db, "a", "acknowledged")
	idle, err := OpenLocal(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if !db.served() || !idle.served() {
		t.Fatal("opened beside the child")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // says that it was killed
	if err := idle.Close(); err != nil {
		t.Errorf("what was done is done, but closing says %v", err)
	}
	if err := db.View(t.Context(), func(tx *Tx) error { _, err := tx.Head(t.Context()); return err }); !errors.Is(err, town.ErrBusy) {
		t.Errorf("a view of a killed server: %v", err)
	}
	_ = db.Close()
	if _, err := os.Lstat(opts.Socket); err != nil {
		t.Fatalf("a killed server cannot remove its socket: %v", err)
	}
	opts.Wait = lockPoll // no waiting for anything
	here := open(t, opts)
	if here.served() || get(t, here, "a") != "acknowledged" {
		t.Error("an acknowledged write was lost")
	}
	if err := here.Close(); err != nil {
		t.Fatal(err)
	}
	serveInChild(t, dir, opts.Socket)
	opts.Wait = options(dir).Wait // it may be slow to answer
	if db = open(t, opts); !db.served() {
		t.Error("the next server does not answer")
	}
}

// Eight clients write while servers start, stop and are killed. Each command
// succeeds or says that the database is busy, and everything acknowledged is
// stored.
func TestClientsWhileServersComeAndGo(t *testing.T) {
	const clients, rounds, steps = 8, 4, 12
	dir := filepath.Join(t.TempDir(), "ledger")
	made(t, dir)
	opts := options(dir)
	opts.Socket = filepath.Join(shortDir(t), "sql.sock")
	var done, busy atomic.Int64
	acknowledged := make([][]string, clients)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var all errgroup.Group
	for c := range clients {
		all.Go(func() error {
			for n := 0; ctx.Err() == nil; n++ {
				id := fmt.Sprint(c, "-", n)
				switch err := command(t.Context(), opts, id); {
				case err == nil:
					acknowledged[c] = append(acknowledged[c], id)
					done.Add(1)
				case errors.Is(err, town.ErrBusy):
					busy.Add(1)
				default:
					return fmt.Errorf("client %d, step %d: %w", c, n, err)
				}
			}
			return nil
		})
	}
	more := func() {
		want := done.Load() + steps
		eventually(t, func() bool { return done.Load() >= want })
	}
	for round := range rounds {
		more() // without a server
		child := serveInChild(t, dir, opts.Socket)
		more() // with it
		end := syscall.SIGTERM
		if round%2 == 1 {
			end = syscall.SIGKILL
		}
		if err := child.Process.Signal(end); err != nil {
			t.Fatal(err)
		}
		if err := child.Wait(); err != nil && end == syscall.SIGTERM {
			t.Errorf("the server ended badly: %v", err)
		}
	}
	cancel()
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d commands done, %d busy", done.Load(), busy.Load())
	db := open(t, options(dir))
	for _, ids := range acknowledged {
		for _, id := range ids {
			if get(t, db, id) != "written" {
				t.Errorf("%s was acknowledged and is lost", id)
			}
		}
	}
}

// command is what a short process does with a database.
func command(ctx context.Context, opts Options, id string) error {
	db, err := OpenLocal(ctx, opts)
	if err != nil {
		return err
	}
	_, err = db.Update(ctx, "put "+id, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO notes VALUES (?, 'written')", id)
		return err
	})
	return errors.Join(err, db.Close())
}
