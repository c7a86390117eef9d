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
	"strings"
	"syscall"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/agent"
	"gastown/town/limits"
)

// readyEnv names the descriptor to which a background Deacon writes when it is
// ready.
const readyEnv = "GT_DEACON_READY_FD"

// maxComplaint bounds, in bytes, how much is read of the error of a Deacon that did
// not start.
const maxComplaint = 16 << 10

// started is what a Deacon writes when it is ready.
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
	if _, err := o.stopAndWait(ctx); err != nil {
		return err
	}
	return o.start(ctx)
}

// detach starts the Deacon in its own session and waits until it is ready.
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
	// Each start has its own file for standard error. A panic is written there, and
	// a later Deacon that is refused must not overwrite it.
	errorFile, err := os.CreateTemp(h.Layout.Deacon(), ".start-*")
	if err != nil {
		return out, err
	}
	defer errorFile.Close()
	defer os.Remove(errorFile.Name())
	ours, theirs, err := os.Pipe()
	if err != nil {
		return out, err
	}
	defer ours.Close()
	cmd := exec.Command(self, "--town", h.Layout.Root, "--json", "--wait", o.call.Wait.String(), "deacon", "start", "--foreground")
	cmd.Dir = h.Layout.Root
	cmd.Stderr = errorFile
	cmd.ExtraFiles = []*os.File{theirs}
	// A Deacon that is started within a session is no part of it.
	cmd.Env = append(slices.DeleteFunc(slices.Clone(o.call.Env), func(kv string) bool { return strings.HasPrefix(kv, agent.Marker+"=") }), readyEnv+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return out, err
	}
	// Neither do the session's limits hold for it: whoever ends the session ends all
	// processes within them.
	if err := (limits.Host{Env: o.call.Env}).Leave(cmd.Process.Pid, o.call.Getenv(agent.Marker) != ""); err != nil {
		o.call.Hint("the Deacon was started in an agent's session: %v. Start it elsewhere: gt deacon restart", err)
	}
	o.call.Progress().Wait("the Deacon starts")
	ready := make(chan error, 1)
	go func() { ready <- json.NewDecoder(io.LimitReader(ours, maxComplaint)).Decode(&out) }()
	select {
	case err = <-ready:
	case <-ctx.Done():
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		<-ready
		return out, ctx.Err()
	}
	if err == nil {
		// From here on standard error goes to a file that is retained.
		return out, errors.Join(os.Rename(errorFile.Name(), filepath.Join(h.Layout.Deacon(), "stderr")), cmd.Process.Release())
	}
	_ = cmd.Wait() // it ended before it was ready
	return out, refusedStart(errorFile, cmd.ProcessState)
}

// refusedStart is the error of a Deacon that did not start, with its kind.
func refusedStart(errorFile *os.File, end *os.ProcessState) error {
	text, err := io.ReadAll(io.NewSectionReader(errorFile, 0, maxComplaint))
	var why shell.Failure
	if err != nil || json.Unmarshal(text, &why) != nil || why.Error == "" {
		return town.Fail("start the Deacon", "gt deacon start --foreground shows what it does", "it ended (%s): %s", end, town.Clip(string(text), 2000))
	}
	return startError{why.Error, why.Next, shell.Kind(end.ExitCode())}
}

// startError is an error that another process printed.
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
