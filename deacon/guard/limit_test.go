package guard

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// kept is a ResponseWriter that also records interim answers.
type kept struct {
	header  http.Header
	codes   []int
	waiting string
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) Write(p []byte) (int, error) { return len(p), nil }
func (k *kept) WriteHeader(code int) {
	k.codes = append(k.codes, code)
	if code == http.StatusProcessing {
		k.waiting = k.header.Get(WaitingHeader)
	}
}

// asked is the request of a client that waits this long. The path /free is exempt.
func asked(t *testing.T, h http.Handler, ctx context.Context, path string, patience time.Duration) *kept {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", "http://x"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if patience != 0 {
		r.Header.Set(PatienceHeader, strconv.FormatInt(patience.Milliseconds(), 10))
	}
	w := &kept{header: http.Header{}}
	h.ServeHTTP(w, r)
	return w
}

func (k *kept) is(codes ...int) bool { return fmt.Sprint(k.codes) == fmt.Sprint(codes) }

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delayed := 0
		var mu sync.Mutex
		l := NewLimiter(2, 3, LimitOptions{
			Queue: 2, Exempt: func(r *http.Request) bool { return r.URL.Path == "/free" },
			Delayed: func() { mu.Lock(); defer mu.Unlock(); delayed++ },
		})
		h := l.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
		ctx := t.Context()
		for range 3 {
			if w := asked(t, h, ctx, "/", 0); !w.is(200) {
				t.Errorf("within the burst: %v", w.codes)
			}
		}
		if w := asked(t, h, ctx, "/", 0); !w.is(429) || w.header.Get("Retry-After") != "1" {
			t.Errorf("over the limit: %v, %v", w.codes, w.header)
		}
		if w := asked(t, h, ctx, "/", 499*time.Millisecond); !w.is(429) {
			t.Errorf("too short a patience: %v", w.codes)
		}
		for range 100 {
			if w := asked(t, h, ctx, "/free", 0); !w.is(200) {
				t.Errorf("exempt: %v", w.codes)
			}
		}
		// Two wait their turn, in order; a third finds the queue full.
		var wait sync.WaitGroup
		began := time.Now()
		for range 2 {
			wait.Go(func() {
				if w := asked(t, h, ctx, "/", time.Minute); !w.is(102, 200) || w.waiting == "" {
					t.Errorf("in its turn: %v, %q", w.codes, w.waiting)
				}
			})
		}
		synctest.Wait()
		if w := asked(t, h, ctx, "/", time.Minute); !w.is(429) || w.header.Get("Retry-After") != "2" {
			t.Errorf("a full queue: %v, %v", w.codes, w.header)
		}
		wait.Wait()
		if took := time.Since(began); took != time.Second || delayed != 2 {
			t.Errorf("two turns took %s, %d were delayed", took, delayed)
		}
		// A client that hangs up gives its turn back.
		hung, hangUp := context.WithCancel(ctx)
		wait.Go(func() {
			if w := asked(t, h, hung, "/", time.Minute); !w.is(102, 503) {
				t.Errorf("hung up: %v", w.codes)
			}
		})
		synctest.Wait()
		hangUp()
		wait.Wait()
		l.Set(1000, 10)
		time.Sleep(time.Second) // of the bubble's clock
		for range 10 {
			if w := asked(t, h, ctx, "/", 0); !w.is(200) {
				t.Errorf("with a wider limit: %v", w.codes)
			}
		}
	})
}

// Refused requests take no turns: the request after a flood is admitted as if there
// had been none.
func TestRefusalsTakeNoTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(1, 1, LimitOptions{})
		h := l.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
		var wait sync.WaitGroup
		var mu sync.Mutex
		admitted := 0
		for range 1000 {
			wait.Go(func() {
				if asked(t, h, t.Context(), "/", 0).is(200) {
					mu.Lock()
					defer mu.Unlock()
					admitted++
				}
			})
		}
		wait.Wait()
		time.Sleep(time.Second)
		if w := asked(t, h, t.Context(), "/", 0); !w.is(200) || admitted != 1 {
			t.Errorf("%v after the flood, %d admitted in it", w.codes, admitted)
		}
	})
}

func TestPatienceIsBounded(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "-1": 0, "x": 0, "1.5": 0, "250": 250 * time.Millisecond, "9223372036854775807": maxPatience, "99999999999999999999": 0,
	} {
		r := &http.Request{Header: http.Header{PatienceHeader: {text}}}
		if got := patience(r); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
