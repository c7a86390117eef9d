package settings

import (
	"context"
	"maps"
	"sync"

	"github.com/sirupsen/logrus"

	"gastown/town"
	"gastown/town/config"
	"gastown/town/layout"
)

// Options are the options of an Owner.
type Options struct {
	Town layout.Town
	// Getenv finds the variables that override settings. May be nil.
	Getenv func(string) string
	Log    logrus.FieldLogger
	// Check returns why settings cannot come into force; the former ones then stay.
	Check   func(*Settings) error
	InForce func(before, now *Settings)
	// Reloaded is called after each reload. May be nil.
	Reloaded func(error)
}

// Owner holds the settings in force. Its methods may be called from many
// goroutines.
type Owner struct {
	opts      Options
	reloading sync.Mutex
	changed   chan struct{} // holds a value when Watch is to reload

	mu      sync.Mutex
	now     *Settings
	first   *Settings // the settings of the start
	seen    stamps    // the stamps of the last check
	problem string
	pending []string
	// tuned is guarded by reloading.
	tuned map[string]string
}

// New returns an owner whose settings first are in force already.
func New(first *Settings, o Options) *Owner {
	if o.Reloaded == nil {
		o.Reloaded = func(error) {}
	}
	return &Owner{opts: o, changed: make(chan struct{}, 1), now: first, first: first, seen: first.files}
}

// Current returns the settings in force.
func (o *Owner) Current() *Settings {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// Config returns the configuration in force.
func (o *Owner) Config() *config.Config { return o.Current().Config }

// Problem is why the last reload failed; "" when it succeeded. Pending are changed
// settings that take effect after a restart.
func (o *Owner) Problem() (problem string, pending []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.problem, o.pending
}

// Reload reads both files and puts them in force. When it fails, the former
// settings stay in force.
func (o *Owner) Reload() (err error) {
	o.reloading.Lock()
	defer o.reloading.Unlock()
	defer func() {
		o.opts.Reloaded(err)
		o.mu.Lock()
		o.problem = ""
		if err != nil {
			o.problem = town.Plain(err.Error())
		}
		o.mu.Unlock()
		if err != nil {
			o.opts.Log.WithError(err).Error("the configuration was not reloaded; the former one stays in force")
		}
	}()
	s, err := Read(o.opts.Town, o.opts.Getenv)
	if err != nil {
		return err
	}
	if on, err := s.Config.Bool("autotune.enabled"); err == nil && on {
		s.Config.Tune(o.tuned)
	}
	if err := o.opts.Check(s); err != nil {
		return err
	}
	o.mu.Lock()
	before := o.now
	o.now, o.pending = s, changedForRestart(o.first.Config, s.Config)
	pending := o.pending
	o.mu.Unlock()
	o.opts.InForce(before, s)
	if len(pending) > 0 {
		o.opts.Log.WithField("settings", pending).Warn("these settings take effect after gt deacon restart")
	}
	o.opts.Log.Info("the configuration was reloaded")
	return nil
}

// Tune puts values in force for settings that nobody set, while autotune.enabled is true,
// in place of the former ones. Values that are in force already change nothing. When it
// fails, because a file is malformed, the next reload that succeeds applies them.
func (o *Owner) Tune(values map[string]string) error {
	o.reloading.Lock()
	same := maps.Equal(o.tuned, values)
	o.tuned = maps.Clone(values)
	o.reloading.Unlock()
	if same {
		return nil
	}
	return o.Reload()
}

// Begin is Tune for the start, when nothing uses the settings yet: it replaces them and
// tells nobody.
func (o *Owner) Begin(values map[string]string) {
	o.reloading.Lock()
	defer o.reloading.Unlock()
	o.tuned = maps.Clone(values)
	o.mu.Lock()
	defer o.mu.Unlock()
	now, cfg := *o.now, *o.now.Config
	cfg.Tune(o.tuned)
	now.Config = &cfg
	o.now = &now
}

// Watch reloads when Look noticed a change, until ctx ends. A file that is malformed is
// reported once, and read again when it changes.
func (o *Owner) Watch(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.changed:
			_ = o.Reload() // the log and the status tell about it
		}
	}
}

// Look notices whether a file has changed since the last look and since it was read, which
// costs a stat call for each. Watch then reads them, for which Look does not wait.
func (o *Owner) Look() {
	files, err := stampsOf(o.opts.Town)
	if err != nil {
		o.opts.Log.WithError(err).Debug("the configuration cannot be looked at")
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if files != o.seen && files != o.now.files {
		select {
		case o.changed <- struct{}{}:
		default: // it will be read anyway
		}
	}
	o.seen = files
}
