package part

import (
	"context"
	"errors"
	"testing"
	"time"
)

type resting struct {
	now    time.Time
	inputs string
}

func (r *resting) Now() time.Time { return r.now }
func (r *resting) Inputs() string { return r.inputs }

// A job that had nothing to do rests until its inputs change, it is due, somebody asks, or
// it rested for long. It does not rest when nobody knows its inputs, nor after a failure.
func TestRest(t *testing.T) {
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for what, c := range map[string]struct {
		before string
		due    time.Time // what the first run returns
		err    error
		then   func(*resting, *Rest)
		ran    bool
	}{
		"nothing changes":         {"a", Never, nil, func(h *resting, _ *Rest) {}, false},
		"an input changes":        {"a", Never, nil, func(h *resting, _ *Rest) { h.inputs = "b" }, true},
		"inputs become unknown":   {"a", Never, nil, func(h *resting, _ *Rest) { h.inputs = "" }, true},
		"inputs were unknown":     {"", Never, nil, func(h *resting, _ *Rest) {}, true},
		"they become known":       {"", Never, nil, func(h *resting, _ *Rest) { h.inputs = "a" }, true},
		"there was something":     {"a", time.Time{}, nil, func(h *resting, _ *Rest) {}, true},
		"not due yet":             {"a", noon.Add(time.Minute), nil, func(h *resting, _ *Rest) { h.now = noon.Add(time.Minute - 1) }, false},
		"due":                     {"a", noon.Add(time.Minute), nil, func(h *resting, _ *Rest) { h.now = noon.Add(time.Minute) }, true},
		"due at once":             {"a", noon, nil, func(h *resting, _ *Rest) {}, true},
		"it failed":               {"a", Never, errors.New("no"), func(h *resting, _ *Rest) {}, true},
		"somebody asks":           {"a", Never, nil, func(_ *resting, r *Rest) { r.Asked("job") }, true},
		"somebody asks something": {"a", Never, nil, func(_ *resting, r *Rest) { r.Asked("other") }, false},
		"for long":                {"a", Never, nil, func(h *resting, _ *Rest) { h.now = noon.Add(longestRest) }, true},
		"the clock is put back":   {"a", Never, nil, func(h *resting, _ *Rest) { h.now = noon.Add(-time.Second) }, true},
	} {
		h := &resting{noon, c.before}
		r := NewRest("job", h)
		if _, err := r.Run(t.Context(), func(context.Context) (string, time.Time, error) { return "", c.due, c.err }); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", what, err)
		}
		c.then(h, r)
		ran := false
		note, err := r.Run(t.Context(), func(context.Context) (string, time.Time, error) { ran = true; return "did it", Never, nil })
		if ran != c.ran || err != nil || (note != "") != ran {
			t.Errorf("%s: ran %v, %q, %v", what, ran, note, err)
		}
	}
}

// A change during a run is seen by the next one.
func TestChangedMeanwhile(t *testing.T) {
	h := &resting{time.Now(), "a"}
	r := NewRest("job", h)
	runs := 0
	for range 3 {
		_, _ = r.Run(t.Context(), func(context.Context) (string, time.Time, error) {
			runs++
			h.inputs = "b"
			return "", Never, nil
		})
	}
	if runs != 2 {
		t.Errorf("%d runs", runs)
	}
}

// Who asks during a run gets another one.
func TestAskedMeanwhile(t *testing.T) {
	h := &resting{time.Now(), "a"}
	r := NewRest("job", h)
	runs := 0
	for range 3 {
		if _, err := r.Run(t.Context(), func(context.Context) (string, time.Time, error) {
			if runs++; runs == 1 {
				r.Asked("job")
			}
			return "", Never, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if runs != 2 {
		t.Errorf("%d runs, not 2", runs)
	}
}
