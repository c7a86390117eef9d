// Package plugin has what all plugins of the Deacon share: the interface Plugin, the file in
// which people list them (File), and the Set of plugins in force. Every call goes through
// the Instance that the Set made.
//
// A type of plugin, such as notification, is one Type in a table. It makes plugins, and
// their Init reads the configuration. A disabled plugin is neither made nor called. Each
// call has a deadline and a limited number of places, and a panic is caught. So a plugin
// that misbehaves fails its own call and nothing else. No secret is in what a call returns.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gastown/town"
	"gastown/town/strict"
)

// Plugin is what every plugin of the Deacon implements. A plugin without anything to
// initialise or to clean up embeds Base.
type Plugin interface {
	// Name returns the plugin's unique name.
	Name() string

	// Execute does the plugin's work. It must return soon after ctx has ended. It may
	// be called several times at once.
	Execute(ctx context.Context, input interface{}) (output interface{}, err error)

	// Init initialises the plugin with the config of its entry, in which references to
	// secrets are resolved. It checks all of it, returns *Fault for what a person has to
	// correct (Decode does), and contacts nobody. Optional: see Base.
	Init(config map[string]interface{}) error

	// Cleanup frees what the plugin holds, after its last call. Optional: see Base.
	Cleanup() error
}

// Base is for embedding: Init accepts only an empty config, and Cleanup does nothing.
type Base struct{}

// Init implements Plugin.
func (Base) Init(config map[string]interface{}) error { return Decode(config, &struct{}{}) }

// Cleanup implements Plugin.
func (Base) Cleanup() error { return nil }

// The types of plugins.
const (
	HealthCheck  = "health-check"
	Notification = "notification"
	Integration  = "integration"
	Exec         = "exec"
)

// Type is one type of plugins.
type Type struct {
	// Name is what stands in the file.
	Name string
	// Help is one line for people.
	Help string
	// New makes a plugin whose Init has not been called.
	New func(name string) Plugin
	// Plain are the fields of config that must not refer to a secret, because others can
	// read their values, such as a program's arguments.
	Plain []string
}

// Types is the table of types.
type Types []Type

// Find returns the type of a name.
func (all Types) Find(name string) (Type, bool) {
	for _, t := range all {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

// Names lists the types.
func (all Types) Names() (names []string) {
	for _, t := range all {
		names = append(names, t.Name)
	}
	return names
}

// Serving is a plugin that can also be called as a plugin of other types, such as a
// program that serves as a notification channel.
type Serving interface{ Serves() []string }

// Tester is a plugin that can prove that it works without doing its work: a channel sends
// a test message, an integration checks its credentials. Test returns one line about what
// it did.
type Tester interface {
	Test(ctx context.Context) (string, error)
}

// Fault is something in the configuration that a person has to correct. Its text may
// quote the configuration; the set removes secrets from it.
type Fault struct {
	// Path leads to it below config: keys, and indexes of lists.
	Path   []string
	Reason string
}

func (f *Fault) Error() string { return strict.PathFault{Path: f.Path, Reason: f.Reason}.Error() }

// Faultf builds a Fault for a dotted path: Faultf("channels.0.url", "it is empty").
func Faultf(path, format string, args ...any) error {
	f := &Fault{Reason: fmt.Sprintf(format, args...)}
	if path != "" {
		f.Path = strings.Split(path, ".")
	}
	return f
}

// faultsOf finds the faults among joined and wrapped errors.
func faultsOf(err error) (all []*Fault) {
	switch e := err.(type) {
	case *Fault:
		return []*Fault{e}
	case *callError:
		return faultsOf(e.err)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, faultsOf(one)...)
		}
	case interface{ Unwrap() error }:
		return faultsOf(e.Unwrap())
	}
	return all
}

// Decode puts a config into a struct with yaml tags. A field that the struct does not
// have, and a value of the wrong kind, is a *Fault; several are joined.
func Decode(config map[string]interface{}, into any) error {
	if len(config) == 0 {
		return nil
	}
	found, err := strict.Value(config, into)
	var all []error
	for _, f := range found {
		all = append(all, &Fault{f.Path, f.Reason})
	}
	if err != nil {
		all = append(all, &Fault{Reason: err.Error()})
	}
	return errors.Join(all...)
}

// OneOf is a Fault unless a word is one of those known.
func OneOf(path, word string, known ...string) error {
	for _, k := range known {
		if word == k {
			return nil
		}
	}
	near := ""
	if n := town.Nearest(word, known, 1); len(n) > 0 {
		near = "; did you mean " + n[0] + "?"
	}
	return Faultf(path, "%q is none of %s%s", town.Clip(word, 80), strings.Join(known, ", "), near)
}

// Later is an error of Execute after which a retry may help. The caller decides whether
// to retry.
type Later struct {
	// Seconds is how long to wait at least; 0 when the plugin does not know.
	Seconds float64
	Err     error
}

func (l *Later) Error() string { return l.Err.Error() }
func (l *Later) Unwrap() error { return l.Err }

// Partial is an output of Execute that did its work in part, and must not be called again for
// the rest. Missed says what was not done, for a person. Execute of the Instance returns only
// the Output, and notes Missed.
type Partial struct {
	Output any
	Missed string
}

// Named is an input of Execute that names the type the plugin is called as, such as
// Notification. Programs find it in their request.
type Named interface{ PluginCall() string }
