package series

import (
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// changes remember when the series of a name last changed: when one began, ended, or got
// another value than before. So a Judge evaluates a rule again only after what it reads has
// changed.
type changes struct {
	mu sync.Mutex
	// count counts changes; each has a number of its own. first is that of the opening.
	count, first int64
	names        map[string]change
	// found is when a database that has samples was opened, or the time of the newest one if
	// that is later, in milliseconds; else 0. What it had is not known, and windows that reach
	// back to that time lack samples, so everything counts as a change then.
	found int64
	// appended is the time of the last round that was written whole, in milliseconds.
	appended int64
	// ruled are the names that rules write. Such a series also ends unsaid, when its rule
	// fails or goes: it is seen for a while after its last sample.
	ruled map[string]bool
}

// change is the last change of the series of a name.
type change struct {
	number int64
	at     int64 // of its sample, in milliseconds
}

// note notes that the series of a name changed.
func (c *changes) note(name string, at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	c.names[name] = change{c.count, at}
}

// begin forgets everything: a database was opened. found is 0 for one without samples.
func (c *changes) begin(found int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	c.first, c.names, c.ruled, c.found, c.appended = c.count, map[string]change{}, map[string]bool{}, found, 0
}

// rule notes that a rule wrote a sample of a name.
func (c *changes) rule(name string, at int64) {
	c.note(name, at)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ruled[name] = true
}

// wrote notes that a round was written.
func (c *changes) wrote(at int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.appended = at
}

// now is the number of the newest change. ok is false unless the round of that time was
// written whole.
func (c *changes) now(at int64) (number int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count, c.appended == at && at != 0
}

// same reports whether an answer still holds. The question is about the series of names and
// reads back that far. Its answer was found at a time, when number was the newest change.
func (c *changes) same(names []string, back time.Duration, number, at int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	settled := func(t int64) bool { return at >= t+back.Milliseconds() }
	// A series that another process began and did not end is seen for a while.
	if number < c.first || c.found != 0 && !settled(c.found+lookback.Milliseconds()) {
		return false
	}
	for _, name := range names {
		last := c.names[name]
		if last.number > number || back > 0 && !settled(last.at) || c.ruled[name] && !settled(last.at+lookback.Milliseconds()) {
			return false
		}
	}
	return true
}

// noting is an appender of rules' results, which are changes each.
type noting struct {
	storage.AppenderV2
	changes *changes
}

func (n noting) Append(ref storage.SeriesRef, l labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o storage.AOptions) (storage.SeriesRef, error) {
	n.changes.rule(l.Get(model.MetricNameLabel), t)
	return n.AppenderV2.Append(ref, l, st, t, v, h, fh, o)
}
