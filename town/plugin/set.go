package plugin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"gastown/town"
	"gastown/town/durable"
	"gastown/town/secrets"
	"gastown/town/strict"
)

const (
	// defaultCalls is how many calls of all plugins may be under way.
	defaultCalls = 16
	// initTime bounds Init and Cleanup of one plugin.
	initTime = 10 * time.Second
)

// Options are the options of a Set.
type Options struct {
	// Path is the file that lists the plugins.
	Path string
	// Kept, if any, is where the last file is kept that could be put in force. A set that
	// cannot use Path at its first Load uses this one.
	Kept    string
	Types   Types
	Secrets *secrets.Resolver
	// Closed is called when Close has closed the plugins. May be nil.
	Closed func(context.Context) error
	Log    logrus.FieldLogger
	Now    func() time.Time
	// Calls is how many calls of all plugins may be under way; 0 means 16.
	Calls int
}

// Set is the plugins in force. Its methods may be called from many goroutines.
type Set struct {
	opts    Options
	places  chan struct{}
	loading sync.Mutex
	closing sync.WaitGroup // former instances that are being closed

	mu      sync.Mutex
	loaded  bool
	file    File
	running map[string]*Instance
	reasons map[string]string // why enabled plugins are not as the file says
	problem string
}

// NewSet returns a set without plugins. Load fills it.
func NewSet(o Options) *Set {
	return &Set{opts: o, places: make(chan struct{}, cmp.Or(o.Calls, defaultCalls)), running: map[string]*Instance{}}
}

// State is one plugin of the file, for people.
type State struct {
	Entry Entry
	// Ready says that the plugin is in force. Reason is why it is not, or why a former
	// configuration of it is; "" when all is well.
	Ready  bool
	Reason string
	Did    Did
}

// Load reads the file and puts it in force. Plugins that did not change go on; the others
// are replaced. No call of a former one begins any more, and it is cleaned up when its last
// call has ended.
//
// When something is wrong with the file, nothing changes, except that plugins which it says
// are disabled end. The error is town.ErrUsage with the lines. The first Load then uses the
// file that was kept, without those plugins, and still returns the error.
// A plugin whose secret is missing, or that cannot be initialised for another reason than
// its configuration, is not ready; its former instance, if it has one, goes on.
func (s *Set) Load(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	f, err := Read(s.opts.Path, s.opts.Types)
	if err == nil {
		err = s.apply(ctx, f)
	}
	if err == nil && s.opts.Kept != "" {
		s.keep(f)
	}
	if err != nil {
		s.withhold(switchedOff(f.Text))
	}
	s.mu.Lock()
	first := !s.loaded
	s.problem = ""
	if err != nil {
		s.problem = town.Plain(err.Error())
	}
	s.loaded = true
	s.mu.Unlock()
	if err != nil && first && s.opts.Kept != "" {
		kept, kerr := Read(s.opts.Kept, s.opts.Types)
		if kerr == nil {
			kerr = s.apply(ctx, kept.without(switchedOff(f.Text)))
		}
		if kerr != nil {
			s.opts.Log.WithError(kerr).Warn("the list of plugins that was last in force cannot be used either")
		}
	}
	return err
}

// keep stores a file that is in force, unless it is stored already.
func (s *Set) keep(f File) {
	old, err := strict.ReadFile(s.opts.Kept, maxFile)
	if err == nil && string(old) == string(f.Text) || errors.Is(err, os.ErrNotExist) && len(f.Text) == 0 {
		return
	}
	if err := durable.Replace(s.opts.Kept, f.Text, 0o600); err != nil {
		s.opts.Log.WithError(err).Warn("the list of plugins could not be kept for the next start")
	}
}

// withhold ends plugins that are in force and leaves the others.
func (s *Set) withhold(off map[string]bool) {
	var ended []*Instance
	s.mu.Lock()
	s.file = s.file.without(off)
	running := maps.Clone(s.running)
	for name, i := range running {
		if off[name] {
			ended = append(ended, i)
			delete(running, name)
			delete(s.reasons, name)
		}
	}
	s.running = running
	s.mu.Unlock()
	for _, i := range ended {
		s.retire(i)
	}
}

// made is an entry with its instance, or why it has none.
type made struct {
	entry    Entry
	instance *Instance // nil when it is not ready
	fresh    bool      // made by this apply
	reason   string
	lacks    bool // the reason is a secret that cannot be had
}

// apply puts a file in force, all of it or nothing.
func (s *Set) apply(ctx context.Context, f File) error {
	s.mu.Lock()
	before := s.running
	s.mu.Unlock()
	var all []made
	var faults []strict.Fault
	for _, e := range f.Entries {
		if !e.Enabled {
			continue
		}
		m, wrong := s.make(ctx, e, before[e.Name])
		faults = append(faults, wrong...)
		all = append(all, m)
	}
	if len(faults) > 0 {
		for _, m := range all {
			if m.fresh {
				s.retire(m.instance)
			}
		}
		slices.SortStableFunc(faults, func(a, b strict.Fault) int { return a.Line - b.Line })
		return fail(cmp.Or(f.path, s.opts.Path), &strict.Error{Faults: faults})
	}
	running, reasons := map[string]*Instance{}, map[string]string{}
	for _, m := range all {
		if m.instance != nil {
			running[m.entry.Name] = m.instance
		}
		if m.reason != "" {
			reasons[m.entry.Name] = m.reason
		}
	}
	s.mu.Lock()
	s.file, s.running, s.reasons = f, running, reasons
	s.mu.Unlock()
	for name, i := range before {
		if running[name] != i {
			s.retire(i)
		}
	}
	return nil
}

// make makes the instance of an entry, or takes the former one when nothing of it has
// changed. Faults are what a person has to correct in the file.
func (s *Set) make(ctx context.Context, e Entry, former *Instance) (made, []strict.Fault) {
	t, ok := s.opts.Types.Find(e.Type)
	if !ok { // Parse has checked it
		return made{entry: e}, []strict.Fault{{Line: e.Line("type"), Reason: "there is no such type"}}
	}
	unready := func(reason string) made {
		if former != nil && former.Type() == e.Type {
			return made{entry: e, instance: former, reason: reason + "; it goes on as it was configured before"}
		}
		return made{entry: e, reason: reason}
	}
	values := secrets.Values{}
	config, err := s.resolve(ctx, e.Config, values)
	if err != nil {
		reason := "the plugin " + e.Name + ": " + clean(values, err.Error())
		if next := town.Next(err); next != "" {
			reason += "; " + next
		}
		m := unready(reason)
		m.lacks = true
		return m, nil
	}
	resolved, _ := config.(map[string]interface{})
	text, err := json.Marshal(resolved)
	if err != nil {
		return made{entry: e}, []strict.Fault{{Line: e.Line("config"), Reason: clean(values, err.Error())}}
	}
	digest := town.DigestOf(e.Type, e.Timeout.String(), fmt.Sprint(e.AtOnce), string(text))
	if former != nil && former.digest == digest {
		return made{entry: e, instance: former}, nil
	}
	i := &Instance{entry: e, digest: digest, values: values, host: s, places: make(chan struct{}, e.AtOnce)}
	limited, cancel := context.WithTimeout(ctx, initTime)
	defer cancel()
	err = bounded(limited, values, e.Name, func() error {
		i.plugin = t.New(e.Name)
		return i.plugin.Init(resolved)
	})
	if err == nil {
		return made{entry: e, instance: i, fresh: true}, nil
	}
	var faults []strict.Fault
	for _, f := range faultsOf(err) {
		faults = append(faults, strict.Fault{
			Line:   e.Line(append([]string{"config"}, f.Path...)...),
			Reason: "the plugin " + e.Name + ": " + clean(values, f.Error()),
		})
	}
	if len(faults) == 0 {
		return unready(err.Error()), nil
	}
	return made{entry: e}, faults
}

// Try makes the instance of an entry, whether it is enabled or not, and does not put it in
// force. The caller closes it. It fails as Load does.
func (s *Set) Try(ctx context.Context, e Entry) (*Instance, error) {
	m, faults := s.make(ctx, e, nil)
	switch {
	case len(faults) > 0:
		return nil, fail(s.opts.Path, &strict.Error{Faults: faults})
	case m.instance == nil:
		next := "gt plugin show " + e.Name
		if m.lacks {
			next = "gt secrets check"
		}
		return nil, town.Fail("prepare the plugin "+e.Name, next, "%s", strings.TrimPrefix(m.reason, "the plugin "+e.Name+": "))
	}
	return m.instance, nil
}

// retire lets no further call of an instance begin, and closes it in a goroutine that Close
// waits for.
func (s *Set) retire(i *Instance) {
	if i == nil || !i.shut() {
		return
	}
	s.closing.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), i.entry.Timeout+grace+initTime)
		defer cancel()
		if err := i.finish(ctx); err != nil {
			s.opts.Log.WithError(err).WithField("plugin", i.Name()).Warn("a plugin was not cleaned up")
		}
	})
}

// Close closes all plugins and waits for their calls to end, until ctx does.
func (s *Set) Close(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.mu.Lock()
	before := s.running
	s.running = map[string]*Instance{}
	s.mu.Unlock()
	var mu sync.Mutex
	var failed []error
	var all sync.WaitGroup
	for _, i := range before {
		all.Go(func() {
			err := i.close(ctx)
			mu.Lock()
			defer mu.Unlock()
			failed = append(failed, err)
		})
	}
	all.Wait()
	ended := make(chan struct{})
	go func() { s.closing.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		failed = append(failed, errors.New("calls of former plugins go on"))
	}
	if s.opts.Closed != nil {
		failed = append(failed, s.opts.Closed(ctx))
	}
	return errors.Join(failed...)
}

// Plugins are the plugins in force that can be called as one of a type, in the order of
// the file.
func (s *Set) Plugins(kind string) (all []*Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.file.Entries {
		if i := s.running[e.Name]; i != nil && i.Serves(kind) {
			all = append(all, i)
		}
	}
	return all
}

// Plugin is the plugin in force of a name.
func (s *Set) Plugin(name string) (*Instance, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.running[name]
	return i, ok
}

// Problem is why the file is not in force, with the lines; "" when it is.
func (s *Set) Problem() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

// States are the plugins of the file in force, in its order.
func (s *Set) States() (all []State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.file.Entries {
		st := State{Entry: e, Reason: s.reasons[e.Name]}
		if i := s.running[e.Name]; i != nil {
			st.Ready, st.Did = true, i.Did()
		}
		all = append(all, st)
	}
	return all
}
