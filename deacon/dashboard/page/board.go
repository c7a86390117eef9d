package page

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// pace is the shortest time between two looks at the source.
	pace = time.Second
	// patience is how long one look may take.
	patience = 15 * time.Second
)

// board holds the one View that all readers share.
type board struct {
	source Source
	now    func() time.Time
	pace   time.Duration

	look sync.Mutex // held while the source is asked

	mu       sync.Mutex
	view     View
	read     time.Time // when the source answered last; zero before the first time
	version  int       // counts the changes of what is shown
	pieces   []piece
	watchers int
	changed  chan struct{} // closed with the next change
	stop     context.CancelFunc
	ended    chan struct{} // closed when the loop has ended
}

// piece is a part of the View as it is sent: the head or a section.
type piece struct {
	id      string
	version int // with which it last changed
	text    []byte
}

// head is the name of the piece that is no section.
const head = "head"

func newBoard(s Source, now func() time.Time) *board {
	return &board{source: s, now: now, pace: pace, changed: make(chan struct{})}
}

// current is the View, read anew if it is older than the pace.
func (b *board) current(ctx context.Context) (View, error) {
	b.look.Lock()
	defer b.look.Unlock()
	b.mu.Lock()
	view, age, known := b.view, b.now().Sub(b.read), !b.read.IsZero()
	b.mu.Unlock()
	if known && age >= 0 && age < b.pace {
		return view, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	view, err := b.source.View(ctx)
	if err != nil {
		return view, err
	}
	view.tidy()
	b.put(view)
	return view, nil
}

// put makes a View the present one, and wakes those who wait for a change.
func (b *board) put(v View) {
	type encoded struct {
		id   string
		text []byte
	}
	all := []encoded{{head, encode(v)}}
	for _, s := range v.Sections {
		all = append(all, encoded{s.ID, encode(s)})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.view, b.read = v, b.now()
	var pieces []piece
	version := b.version + 1
	for _, e := range all {
		p := piece{e.id, version, e.text}
		if i := slices.IndexFunc(b.pieces, func(p piece) bool { return p.id == e.id }); i >= 0 && bytes.Equal(b.pieces[i].text, e.text) {
			p = b.pieces[i]
		} else {
			b.version = version
		}
		pieces = append(pieces, p)
	}
	b.pieces = pieces
	if b.version == version {
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

func encode(v any) []byte {
	text, _ := json.Marshal(v) // texts and numbers: never fails
	return text
}

// since returns the event with all changes after a version; nil when there are none.
func (b *board) since(version int) (event []byte, now int, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.version == version || b.version == 0 {
		return nil, version, b.changed
	}
	var sections [][]byte
	out := bytes.NewBufferString("event: view\ndata: {\"at\":" + strconv.FormatInt(b.view.At.Unix(), 10))
	for _, p := range b.pieces {
		switch {
		case p.version <= version:
		case p.id == head:
			out.WriteString(`,"head":`)
			out.Write(p.text)
		default:
			sections = append(sections, p.text)
		}
	}
	out.WriteString(`,"sections":[`)
	out.Write(bytes.Join(sections, []byte(",")))
	out.WriteString("]}\n\n")
	return out.Bytes(), b.version, b.changed
}

// watch keeps the View up to date until leave is called.
func (b *board) watch() (leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watchers++; b.watchers == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		before, ended := b.ended, make(chan struct{})
		b.stop, b.ended = cancel, ended
		go func() {
			defer close(ended)
			if before != nil {
				<-before // so that there is one loop at most
			}
			b.loop(ctx)
		}()
	}
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.watchers--; b.watchers == 0 {
			b.stop()
		}
	})
}

// loop looks at the source at the pace until ctx ends. What fails is tried again: a View
// that is old says when it was read.
func (b *board) loop(ctx context.Context) {
	ticker := time.NewTicker(b.pace)
	defer ticker.Stop()
	for ctx.Err() == nil {
		_, _ = b.current(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// rest waits until nobody looks any more, or ctx ends.
func (b *board) rest(ctx context.Context) error {
	b.mu.Lock()
	ended := b.ended
	b.mu.Unlock()
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
