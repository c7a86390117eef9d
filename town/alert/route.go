package alert

import (
	"cmp"
	"time"

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

// Routing says which alerts a channel gets, and when. Zero times mean the defaults above.
type Routing = plugin.Routing

// Channel is a plugin in force that takes messages.
type Channel struct {
	Name string
	Routing
}

// ChannelOf is the channel that a plugin is. A plugin that has a method Routing says itself
// what it gets, and when.
func ChannelOf(name string, p plugin.Plugin) Channel {
	c := Channel{Name: name}
	if p, ok := p.(interface{ Routing() Routing }); ok {
		c.Routing = p.Routing()
	}
	c.Wait, c.Interval, c.Repeat = cmp.Or(c.Wait, DefaultWait), cmp.Or(c.Interval, DefaultInterval), cmp.Or(c.Repeat, DefaultRepeat)
	return c
}
