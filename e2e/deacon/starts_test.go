package deacon

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/e2e/internal/scratch"
	"gastown/town/layout"
)

// A start that fails prints what is wrong and one next step, and ends with the usual
// exit code. It leaves no process and changes nothing.
func TestStartsThatCannotBe(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	other := layout.Town{Root: found(t, dir, "other").Root}
	for name, v := range map[string]struct {
		spoil func(p *place, at layout.Town) error
		says  string
		exit  int
	}{
		"taken": {func(p *place, _ layout.Town) error {
			_, err := p.Try("gt", "config", "deacon.http_address", taken.Addr().String())
			return err
		}, "another program listens there", 1},
		"file": {func(_ *place, at layout.Town) error {
			data := at.Data(layout.Ledger)
			return errors.Join(os.Rename(data, data+".away"), os.WriteFile(data, nil, 0o600))
		}, "ledger", 1},
		"others": {func(_ *place, at layout.Town) error {
			data := at.Data(layout.Operational)
			return errors.Join(os.Rename(data, data+".away"), os.CopyFS(data, os.DirFS(other.Data(layout.Operational))))
		}, "another store", 5},
		"cron": {func(p *place, _ layout.Town) error {
			p.schedule("jobs:\n  gc: {schedule: \"61 * * * *\"}\n")
			return nil
		}, "line 2: job gc: schedule", 2},
	} {
		p := found(t, dir, name)
		at := layout.Town{Root: p.Root}
		if err := v.spoil(p, at); err != nil {
			t.Fatal(err)
		}
		_, err := p.Try("gt", "deacon", "start")
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != v.exit {
			t.Errorf("%s: %v, want exit code %d", name, err, v.exit)
			continue
		}
		if text := err.Error(); !strings.Contains(text, v.says) || !strings.Contains(text, "next: ") {
			t.Errorf("%s: want %q and a next step: %s", name, v.says, text)
		}
		p.Await(name+": no process is left", func() bool { return len(trial.Processes(p.Root)) == 0 })
		for _, socket := range []string{at.SQLSocket(), at.ControlSocket()} {
			if _, err := os.Lstat(socket); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %s is left: %v", name, socket, err)
			}
		}
	}
}
