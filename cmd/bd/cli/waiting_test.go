package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gastown/cmd/internal/host"
	"gastown/planes/ledger"
	"gastown/town/config"
	"gastown/town/layout"
)

// hung listens on a socket, accepts connections and never answers.
func hung(t *testing.T, socket string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = io.Copy(io.Discard, conn) // until the client closes it
				_ = conn.Close()
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
}

// A Deacon that hangs is busy. bd says what it waits for, and in the end what to
// look at. With --json only JSON is printed on standard output.
func TestADeaconThatHangs(t *testing.T) {
	p := newPlace(t)
	id := p.id("one")
	where := layout.Town{Root: p.dir}
	hung(t, where.ControlSocket())
	hung(t, where.SQLSocket())
	for _, args := range [][]string{{"show", id}, {"update", id, "-p", "1"}, {"create", "two", "--json"}, {"list", "-n", "0"}} {
		code, out, said := p.waits(args...)
		if code != 4 || !strings.Contains(said, "bd waits for the ledger: the Deacon has not answered yet\n") ||
			strings.Contains(said, "has it open") {
			t.Errorf("bd %q: exit %d: %s%s", args, code, out, said)
		}
		if text := out + said; !strings.Contains(text, fmt.Sprintf("the Deacon (pid %d) does not answer", os.Getpid())) || !strings.Contains(text, "gt deacon status") {
			t.Errorf("bd %q: %s", args, text)
		}
		if json.Valid([]byte(out)) != slices.Contains(args, "--json") {
			t.Errorf("bd %q printed %s", args, out)
		}
	}
	if code, _, said := p.run("update", id, "-p", "1", "--wait", "2s", "-q"); code != 4 || strings.Contains(said, "waits") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// waits runs bd with a wait so long that it says what it waits for. That is a second and a
// half, or more on a machine that is busy.
func (p *place) waits(args ...string) (code int, out, said string) {
	p.t.Helper()
	for wait := 1500 * time.Millisecond; wait < time.Minute; wait *= 2 {
		if code, out, said = p.run(append(slices.Clone(args), "--wait", wait.String())...); strings.Contains(said, "bd waits for the ledger") {
			break
		}
	}
	return code, out, said
}

// bd names the process that has the ledger open.
func TestAWriterSaysWhoHasTheLedger(t *testing.T) {
	p := newPlace(t)
	p.id("one")
	opened(t, layout.Town{Root: p.dir})
	code, _, said := p.waits("create", "two")
	if code != 4 || !strings.Contains(said, "bd waits for the ledger: pid ") || !strings.Contains(said, " has it open\n") {
		t.Errorf("exit %d: %s", code, said)
	}
}

// opened opens a Town's ledger until the test ends.
func opened(t testing.TB, where layout.Town) *ledger.Store {
	t.Helper()
	cfg, err := config.Load(where.Config())
	if err != nil {
		t.Fatal(err)
	}
	store, err := ledger.Open(t.Context(), host.Database(where, cfg, layout.Ledger), cfg.Stores[layout.Ledger])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestShowNoFieldsAtAll(t *testing.T) {
	p := newPlace(t)
	id := p.id("one")
	if code, out, said := p.run("show", id, "--fields="); code != usageExit || out != "" || !strings.Contains(said, "field") {
		t.Errorf("exit %d: %s%s", code, out, said)
	}
	for _, command := range [][]string{{"list"}, {"ready"}, {"search", "one"}} {
		if code, out, said := p.run(append(command, "--fields=")...); code != usageExit || out != "" {
			t.Errorf("bd %q: exit %d: %s%s", command, code, out, said)
		}
	}
	if out := p.must("show", id, "--fields=title"); !strings.Contains(out, "one") {
		t.Error(out)
	}
}
