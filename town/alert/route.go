package alert

import (
	"cmp"
	"time"

	"gastown/planes/operational"
	"gastown/town/plugin"
)

// When a channel without settings of its own gets messages.
const (
	// DefaultWait is how long the first message about a name waits for other alerts of it.
	DefaultWait = 30 * time.Second
	// DefaultInterval is the shortest time between two messages about a name.
	DefaultInterval = 5 * time.Minute
	// DefaultRepeat is after how long a message is sent again while nothing changes.
	DefaultRepeat = 4 * time.Hour
)

// Routing says which alerts a channel gets, and when.
type Routing struct {
	// Severities are those it takes; none means all.
	Severities []string
	// Wait, Interval and Repeat are as the defaults above; zero means the default.
	Wait, Interval, Repeat time.Duration
	// Quiet channels get no message when the alerts have ended.
	Quiet bool
}

// Channel is a plugin in force that takes messages.
type Channel struct {
	Name string
	Routing
}

// ChannelOf is the channel that a plugin is. A plugin that has a method Routing says itself
// what it gets. One that only has a method Severities, such as a program, gets the rest
// by default.
func ChannelOf(name string, p plugin.Plugin) Channel {
	c := Channel{Name: name}
	switch p := p.(type) {
	case interface{ Routing() Routing }:
		c.Routing = p.Routing()
	case interface{ Severities() []string }:
		c.Severities = p.Severities()
	}
	c.Wait, c.Interval, c.Repeat = cmp.Or(c.Wait, DefaultWait), cmp.Or(c.Interval, DefaultInterval), cmp.Or(c.Repeat, DefaultRepeat)
	return c
}

// Severities are the words for severities, the mildest first.
func Severities() (words []string) {
	for _, s := range operational.AlertSeverities {
		words = append(words, string(s))
	}
	return words
}
