package settings

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/town/config"
	"gastown/town/layout"
)

// place is a Town with a configuration.
func place(t *testing.T) layout.Town {
	t.Helper()
	at := layout.Town{Root: t.TempDir()}
	if err := config.New("harbour").Save(at.Config()); err != nil {
		t.Fatal(err)
	}
	return at
}

func set(t *testing.T, at layout.Town, key, value string) {
	t.Helper()
	c, err := config.Load(at.Config())
	if err == nil {
		_, err = c.Set(key, value)
	}
	if err == nil {
		err = c.Save(at.Config())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func own(t *testing.T, at layout.Town, check func(*Settings) error, inForce func(before, now *Settings)) *Owner {
	t.Helper()
	first, err := Read(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	return New(first, Options{Town: at, Log: log, Check: check, InForce: inForce})
}

func TestReloadIsAllOrNothing(t *testing.T) {
	at := place(t)
	var refuse error
	var o *Owner
	changes := 0
	o = own(t, at, func(*Settings) error { return refuse }, func(before, now *Settings) {
		if changes++; before == now || o.Current() != now {
			t.Error("told too early")
		}
	})
	first := o.Current()
	set(t, at, "deacon.disk_warning", "55")
	refuse = errors.New("no")
	if err := o.Reload(); !errors.Is(err, refuse) || o.Current() != first {
		t.Errorf("%v", err)
	}
	if problem, _ := o.Problem(); problem != "no" {
		t.Errorf("%q", problem)
	}
	refuse = nil
	if err := o.Reload(); err != nil {
		t.Fatal(err)
	}
	if n, err := o.Config().Int("deacon.disk_warning"); err != nil || n != 55 {
		t.Errorf("%d, %v", n, err)
	}
	if problem, pending := o.Problem(); problem != "" || len(pending) > 0 {
		t.Errorf("%q, %q", problem, pending)
	}
	set(t, at, "deacon.log_files", "3")
	if err := o.Reload(); err != nil {
		t.Fatal(err)
	}
	if changes != 2 {
		t.Errorf("%d changes", changes)
	}
	if _, pending := o.Problem(); !slices.Equal(pending, []string{"deacon.log_files"}) {
		t.Errorf("%q", pending)
	}
}

// A change of either file is noticed, and a malformed file is reported once.
func TestWatch(t *testing.T) {
	at := place(t)
	applied := make(chan *Settings, 100)
	o := own(t, at, func(*Settings) error { return nil }, func(_, now *Settings) { applied <- now })
	failed := make(chan error, 100)
	o.opts.Reloaded = func(err error) {
		if err != nil {
			failed <- err
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan bool)
	go func() { defer close(ended); o.Watch(ctx) }()
	go func() {
		for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
			o.Look()
		}
	}()
	set(t, at, "deacon.disk_warning", "55")
	<-applied
	if err := os.MkdirAll(filepath.Dir(at.Schedule()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at.Schedule(), []byte("jobs: [1]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	<-failed
	if err := os.WriteFile(at.Schedule(), []byte("at_once: 11\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for s := range applied {
		if s.Schedule.AtOnce == 11 {
			break
		}
	}
	cancel()
	<-ended
	if len(failed) > 1 { // one more if a look fell between two writes
		t.Errorf("%d failures", len(failed)+1)
	}
}

func TestEveryValueIsChecked(t *testing.T) {
	at := place(t)
	for _, key := range config.Keys() {
		if key.Env == "" || key.Type == config.TypeString {
			continue
		}
		getenv := func(name string) string {
			if name == key.Env {
				return "nonsense"
			}
			return ""
		}
		if _, err := Read(at, getenv); err == nil {
			t.Errorf("%s=nonsense was read", key.Env)
		}
	}
}
