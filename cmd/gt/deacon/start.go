package deacon

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
)

// readyEnv names the descriptor on which a detached Deacon says that it runs.
const readyEnv = "GT_DEACON_READY_FD"

// maxComplaint is how much of what a Deacon that failed wrote is read, in bytes.
const maxComplaint = 16 << 10

// started is what a Deacon says when it is ready.
type started struct {
	PID  int    `json:"pid"`
	HTTP string `json:"http,omitempty"`
	Log  string `json:"log"`
}

func (o *deaconOptions) start(ctx context.Context) error {
	if o.foreground {
		return o.serve(ctx)
	}
	out, err := o.detach(ctx)
	if err != nil {
		return err
	}
	return o.call.Summary(out, func(p *term.Printer) {
		p.Styled(term.Good, "the Deacon runs (pid %d)", out.PID)
		if out.HTTP != "" {
			p.Line("  http://%s/health", out.HTTP)
		}
		p.Line("  log: %s", out.Log)
	})
}

func (o *deaconOptions) restart(ctx context.Context) error {
	if _, err := o.end(ctx); err != nil {
		return err
	}
	return o.start(ctx)
}

// detach starts the Deacon as a process of its own and waits until it runs.
func (o *deaconOptions) detach(ctx context.Context) (out started, err error) {
	h, err := host.Open(o.call)
	if err != nil {
		return out, err
	}
	self, err := o.call.Executable()
	if err != nil {
		return out, err
	}
	if err := os.MkdirAll(h.Layout.Deacon(), 0o700); err != nil {
		return out, err
	}
	// A file of its own for each start: a Deacon that panics leaves its last
	// words there, and one that was refused must not write over them.
	complaint, err := os.CreateTemp(h.Layout.Deacon(), ".start-*")
	if err != nil {
		return out, err
	}
	defer complaint.Close()
	defer os.Remove(complaint.Name())
	ours, theirs, err := os.Pipe()
	if err != nil {
		return out, err
	}
	defer ours.Close()
	cmd := exec.Command(self, "--town", h.Layout.Root, "--json", "--wait", o.call.Wait.String(), "deacon", "start", "--foreground")
	cmd.Dir = h.Layout.Root
	cmd.Stderr = complaint
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Env = append(slices.Clone(o.call.Env), readyEnv+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return out, err
	}
	said := make(chan error, 1)
	go func() { said <- json.NewDecoder(io.LimitReader(ours, maxComplaint)).Decode(&out) }()
	select {
	case err = <-said:
	case <-ctx.Done():
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		<-said
		return out, ctx.Err()
	}
	if err == nil {
		// From here on its last words go to a file that stays.
		return out, errors.Join(os.Rename(complaint.Name(), filepath.Join(h.Layout.Deacon(), "stderr")), cmd.Process.Release())
	}
	_ = cmd.Wait() // it ended without a word on the pipe
	return out, refusedStart(complaint, cmd.ProcessState)
}

// refusedStart is why a Deacon did not start: its own error, with its kind.
func refusedStart(complaint *os.File, end *os.ProcessState) error {
	text, err := io.ReadAll(io.NewSectionReader(complaint, 0, maxComplaint))
	var why shell.Failure
	if err != nil || json.Unmarshal(text, &why) != nil || why.Error == "" {
		return town.Fail("start the Deacon", "gt deacon start --foreground shows what it does", "it ended (%s): %s", end, town.Clip(string(text), 2000))
	}
	return startError{why.Error, why.Next, shell.Kind(end.ExitCode())}
}

// startError is an error of another process, with what it says itself.
type startError struct {
	text, next string
	kind       error
}

func (e startError) Error() string { return e.text }

func (e startError) Unwrap() error {
	return &town.Error{Op: "start the Deacon", Err: e.cause(), Next: e.next}
}

func (e startError) cause() error {
	if e.kind == nil {
		return errors.New(e.text)
	}
	return e.kind
}
