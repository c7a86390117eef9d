package deacon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gastown/deacon/control"
	"gastown/e2e/internal/scratch"
	"gastown/town"
	"gastown/town/process"
)

var lasting = flag.Duration("duration", time.Minute, "how long the soak lasts")

func TestMain(m *testing.M) {
	if root := os.Getenv(hangsIn); root != "" {
		hang(root)
	}
	flag.Parse()
	os.Exit(scratch.Main(m))
}

// place is a Town.
type place struct{ *scratch.Town }

// at is a Town in dir that is not installed yet. Its commands run in it.
func at(t *testing.T, dir, name string) *place {
	t.Helper()
	p := &place{scratch.At(t, dir, name)}
	p.In = p.Root
	return p
}

// found makes a Town in dir.
func found(t *testing.T, dir, name string) *place {
	t.Helper()
	p := at(t, dir, name)
	p.Install(name)
	return p
}

// schedule writes deacon/schedule.yaml.
func (p *place) schedule(text string) {
	p.T.Helper()
	path := p.Layout().Schedule()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		p.T.Fatal(err)
	}
}

// role writes the file of a role.
func (p *place) role(name, text string) {
	p.T.Helper()
	body := fmt.Sprintf("---\nname: %s\ndescription: for tests\n---\n\n%s\n", name, text)
	// The file is replaced by a rename: a Deacon may read it at any time.
	fresh := filepath.Join(p.Root, name+".new")
	if err := errors.Join(os.WriteFile(fresh, []byte(body), 0o600), os.Rename(fresh, p.file(name))); err != nil {
		p.T.Error(err)
	}
}

func (p *place) file(role string) string {
	return filepath.Join(p.Layout().Files(), "roles", role+".md")
}

// says reports whether the file of a role has the text.
func (p *place) says(role, text string) bool {
	data, err := os.ReadFile(p.file(role))
	return err == nil && bytes.Contains(data, []byte(text))
}

// daemon is the Deacon of a Town.
type daemon struct {
	*control.Client
	PID  int    `json:"pid"`
	HTTP string `json:"http"`
	p    *place
}

// start starts the Town's Deacon, and ends it with the test.
func (p *place) start() *daemon {
	p.T.Helper()
	d := &daemon{p: p, Client: control.NewClient(p.Layout().ControlSocket())}
	if err := json.Unmarshal([]byte(p.Must("gt", "--json", "--wait", "3m", "deacon", "start")), d); err != nil {
		p.T.Fatal(err)
	}
	p.T.Cleanup(func() {
		d.Close()
		if _, err := p.Try("gt", "deacon", "stop"); err != nil {
			p.T.Errorf("the stop: %v", err)
		}
	})
	return d
}

// status is what the Deacon says of itself. One that does not answer in time is asked again.
func (d *daemon) status() (s control.Status) {
	d.p.T.Helper()
	d.p.Await("the Deacon answers", func() bool {
		var err error
		if s, err = d.Status(context.Background()); err != nil && !errors.Is(err, town.ErrBusy) {
			d.p.T.Fatal(err)
		}
		return err == nil
	})
	return s
}

// job is the state of a job.
func (d *daemon) job(name string) control.Job {
	d.p.T.Helper()
	for _, j := range d.status().Jobs {
		if j.Name == name {
			return j
		}
	}
	d.p.T.Fatalf("there is no job %s", name)
	return control.Job{}
}

// kill kills the Deacon, and waits until it is gone: until then its lock may be held.
func (d *daemon) kill() {
	d.p.T.Helper()
	if err := syscall.Kill(d.PID, syscall.SIGKILL); err != nil {
		d.p.T.Fatal(err)
	}
	d.gone()
}

// gone waits until the Deacon's process is gone.
func (d *daemon) gone() {
	d.p.T.Helper()
	d.p.Await("the Deacon is gone", func() bool { return !process.Alive(d.PID) })
}

// logged is the Deacon's log.
func (p *place) logged() string {
	p.T.Helper()
	data, err := os.ReadFile(p.Layout().DeaconLog())
	if err != nil {
		p.T.Fatal(err)
	}
	return string(data)
}
