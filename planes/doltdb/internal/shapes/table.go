package shapes

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

const (
	// maxKnown is how many shapes are told apart. Clients may send any number.
	maxKnown = 400
	// maxShown is how many shapes are shown by themselves, because each is two series
	// of metrics.
	maxShown = 24
	// shownFrom is the time that a shape takes in all until it is shown by itself.
	shownFrom = time.Second
)

// Other is the name of all shapes together that are not shown by themselves.
const Other = "other"

// Shape says how often statements of a shape ran, and how long in all. Both only grow.
type Shape struct {
	Text string
	Runs int64
	Took time.Duration
}

// Table adds up statements. The zero Table is empty. Its methods may be called from
// many goroutines.
type Table struct {
	mu    sync.Mutex
	shown map[string]*Shape
	// hidden are shapes that took little so far. They count for Other.
	hidden map[string]*Shape
	other  Shape
}

// Add counts a statement that took so long.
func (t *Table) Add(query string, took time.Duration) {
	text := Of(query)
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.shown[text]; s != nil {
		s.add(took)
		return
	}
	// What a shape took before it is shown stays with the others: neither sum may
	// become less.
	t.other.add(took)
	if len(t.shown) >= maxShown || text == "" {
		return
	}
	s := t.hidden[text]
	if s == nil {
		if len(t.hidden) >= maxKnown {
			return
		}
		if t.hidden == nil {
			t.hidden = map[string]*Shape{}
		}
		s = &Shape{Text: text}
		t.hidden[text] = s
	}
	if s.add(took); s.Took < shownFrom {
		return
	}
	delete(t.hidden, text)
	if t.shown == nil {
		t.shown = map[string]*Shape{}
	}
	t.shown[text] = &Shape{Text: text}
	if len(t.shown) == maxShown {
		t.hidden = nil
	}
}

func (s *Shape) add(took time.Duration) {
	s.Runs++
	s.Took += took
}

// List returns the shapes that are shown, in the order of their texts, and Other last.
func (t *Table) List() []Shape {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []Shape
	for _, s := range t.shown {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b Shape) int { return cmp.Compare(a.Text, b.Text) })
	other := t.other
	other.Text = Other
	return append(all, other)
}
