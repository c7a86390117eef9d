package tuning

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/noise"
)

var noon = time.Date(2031, 3, 10, 12, 0, 0, 0, time.UTC)

// town is a Town in which every setting has a cost: a true figure that its value decides,
// measured with noise.
type town struct {
	Situation
	random *rand.Rand
	person map[string]string
	cost   func(key string, value int64) float64
	causes map[string]float64
}

func newTown(seed uint64) *town {
	w := &town{random: rand.New(rand.NewPCG(seed, 1)), person: map[string]string{}, causes: map[string]float64{}, cost: func(string, int64) float64 { return 1 }}
	w.Now, w.Interval, w.Scope, w.Held = noon, time.Hour, []string{ScopeDolt, ScopeCache, ScopeConcurrency}, []string{"sling.max_concurrent"}
	w.configure()
	return w
}

// configure makes the configuration in force: a person's settings, and what is tuned.
func (w *town) configure() {
	w.Config = config.New("harbour")
	for key, value := range w.person {
		if _, err := w.Config.Set(key, value); err != nil {
			panic(err)
		}
	}
	w.Config.Tune(InForce(w.Changes))
}

// value is the value of a setting in force.
func (w *town) value(key string) int64 {
	text, _, err := w.Config.Get(key)
	if err != nil {
		panic(err)
	}
	v, err := parse(key, text)
	if err != nil {
		panic(err)
	}
	return v
}

// measure is a figure for an hour, each minute.
func (w *town) measure(key string, value int64) (all []float64) {
	for range 60 {
		all = append(all, w.cost(key, value)*(1+w.random.Float64()/10))
	}
	return all
}

// look is one run of the job. It returns what it judged, if anything.
func (w *town) look() (judged *operational.Tuning) {
	for _, c := range Overtaken(w.Situation) {
		w.settle(c.ID, operational.TuningOvertaken)
	}
	w.configure()
	if c := Trying(w.Changes); c != nil {
		from, _ := parse(c.Setting, c.From)
		to, _ := Judge(w.Situation, *c, w.measure(c.Setting, from), w.measure(c.Setting, w.value(c.Setting)))
		if to == operational.TuningTrying {
			return nil
		}
		done := *c
		done.State = to
		w.settle(c.ID, to)
		w.configure()
		judged = &done
		if to != operational.TuningKept {
			return judged
		}
	}
	for _, k := range Candidates(w.Situation) {
		if c, ok := Begin(w.Situation, k, w.causes[k.Key], w.measure(k.Key, w.value(k.Key))); ok {
			c.ID, c.At, c.State = int64(len(w.Changes)+1), w.Now, operational.TuningTrying
			w.Changes = append(w.Changes, c)
			w.configure()
			break
		}
	}
	return judged
}

func (w *town) settle(id int64, to operational.TuningState) {
	for i := range w.Changes {
		if w.Changes[i].ID == id {
			w.Changes[i].State, w.Changes[i].Ended = to, w.Now
		}
	}
}

// keys are the settings that may be tuned.
func keys() (all []string) {
	for _, k := range Knobs {
		all = append(all, k.Key)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Whatever is measured and whatever a person does: one change is tried at a time and for
// its time, values are within bounds, a person's settings count, and a change that does
// not make its figure less is never kept.
func TestTuner(t *testing.T) {
	defaults := newTown(0)
	rapid.Check(t, func(t *rapid.T) {
		w := newTown(rapid.Uint64().Draw(t, "seed"))
		// Of each setting more helps, harms, or does nothing.
		effect := map[string]float64{}
		for _, key := range keys() {
			effect[key] = rapid.SampledFrom([]float64{-1, 0, 1}).Draw(t, "effect of "+key)
			w.causes[key] = rapid.SampledFrom([]float64{0, 3}).Draw(t, "cause of "+key)
		}
		w.cost = func(key string, value int64) float64 {
			grown := float64(value) / float64(defaults.value(key))
			switch effect[key] {
			case -1:
				return 1 / grown
			case 1:
				return grown
			}
			return 1
		}
		for range rapid.IntRange(5, 60).Draw(t, "hours") {
			w.Now = w.Now.Add(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 30 * time.Hour}).Draw(t, "later"))
			switch key := rapid.SampledFrom(keys()).Draw(t, "key"); rapid.IntRange(0, 9).Draw(t, "person") {
			case 0:
				w.person[key] = normal(key, defaults.value(key)) // also the default is a person's value
			case 1:
				delete(w.person, key)
			case 2:
				for _, c := range slices.Backward(w.Changes) {
					if c.State.InForce() {
						w.settle(c.ID, operational.TuningUndone)
						break
					}
				}
			case 3:
				w.Scope = rapid.SliceOfDistinct(rapid.SampledFrom([]string{ScopeDolt, ScopeCache, ScopeConcurrency}), rapid.ID).Draw(t, "scope")
			}
			before := slices.Clone(w.Changes)
			judged := w.look()
			if judged != nil && judged.State == operational.TuningKept {
				from, _ := parse(judged.Setting, judged.From)
				to, _ := parse(judged.Setting, judged.To)
				if !(w.cost(judged.Setting, to) < w.cost(judged.Setting, from)) {
					t.Fatalf("a change that does not help was kept: %+v", judged)
				}
				if w.Now.Sub(judged.At) < w.pause() {
					t.Fatalf("kept after %s", w.Now.Sub(judged.At))
				}
			}
			w.check(t, before)
		}
	})
}

// check checks what always holds.
func (w *town) check(t *rapid.T, before []operational.Tuning) {
	trying := 0
	for _, c := range w.Changes {
		if c.State == operational.TuningTrying {
			trying++
		}
		if c.State == operational.TuningTrying && w.Now.Sub(c.At) >= patience*w.Interval+31*time.Hour {
			t.Fatalf("a change is tried for %s", w.Now.Sub(c.At))
		}
	}
	if trying > 1 || len(w.Changes) > len(before)+1 {
		t.Fatalf("%d changes are tried, %d are new", trying, len(w.Changes)-len(before))
	}
	if n := len(w.Changes); n > len(before) {
		c := w.Changes[n-1]
		if n > 1 && c.At.Sub(w.Changes[n-2].At) < w.pause() {
			t.Fatalf("two changes within %s", c.At.Sub(w.Changes[n-2].At))
		}
		k, known := KnobOf(c)
		if !known || !slices.Contains(w.Scope, k.Scope) {
			t.Fatalf("%+v is out of scope", c)
		}
		if _, mine := w.person[c.Setting]; mine {
			t.Fatalf("%s is a person's", c.Setting)
		}
	}
	for key, value := range w.person {
		if got, _, _ := w.Config.Get(key); got != value {
			t.Fatalf("%s is %s, and a person set %s", key, got, value)
		}
	}
	for key, text := range InForce(w.Changes) {
		v, err := parse(key, text)
		for _, k := range Knobs {
			if k.Key == key && (err != nil || v < k.Least || v > k.Most) {
				t.Fatalf("%s is %s, out of %s", key, text, k.Bounds())
			}
		}
	}
}

// What does not help is always taken back, and the former value is in force again.
func TestTakenBack(t *testing.T) {
	for seed := range uint64(200) {
		w := newTown(seed)
		w.causes["dolt.max_open_conns"] = 1
		w.look()
		if got := InForce(w.Changes); !maps.Equal(got, map[string]string{"dolt.max_open_conns": "38"}) {
			t.Fatal(got)
		}
		w.Now = w.Now.Add(time.Hour)
		if judged := w.look(); judged == nil || judged.State != operational.TuningTakenBack || w.value("dolt.max_open_conns") != 25 {
			t.Fatalf("seed %d: %+v", seed, judged)
		}
		for range 20 { // it rests
			w.Now = w.Now.Add(time.Hour)
			w.look()
		}
		if len(w.Changes) != 1 {
			t.Fatalf("%+v", w.Changes[1])
		}
	}
}

// What helps is kept, and goes on until its bound.
func TestKept(t *testing.T) {
	w := newTown(7)
	w.causes["dolt.max_open_conns"] = 1
	w.cost = func(_ string, v int64) float64 { return 1 / float64(v) }
	for range 20 {
		w.look()
		w.Now = w.Now.Add(time.Hour)
	}
	if v := w.value("dolt.max_open_conns"); v != 100 || len(w.Changes) != 4 {
		t.Errorf("%d after %d changes", v, len(w.Changes))
	}
}

func TestJudge(t *testing.T) {
	w := newTown(1)
	c := operational.Tuning{Setting: "cache.ttl", From: "300", To: "600", At: noon, State: operational.TuningTrying}
	flat := func(v float64, n int) []float64 { return slices.Repeat([]float64{v, v * 1.01}, n/2) }
	for _, test := range []struct {
		after         time.Duration
		before, since []float64
		want          operational.TuningState
		why           string
	}{
		{50 * time.Minute, flat(1, 60), flat(.1, 60), operational.TuningTrying, "tried for 1h0m0s"},
		{time.Hour, flat(1, 60), flat(.5, 60), operational.TuningKept, "from 1 to 0.5"},
		{time.Hour, flat(1, 60), flat(.97, 60), operational.TuningTakenBack, "not better by 5 %"},
		{time.Hour, flat(1, 60), flat(2, 60), operational.TuningTakenBack, "not better"},
		{time.Hour, []float64{1, 9, 1, 9, 1, 9, 1, 9, 1, 9}, []float64{1, 9, 1, 9, 1, 8, 1, 9, 1, 1}, operational.TuningTakenBack, "may be chance"},
		{time.Hour, flat(1, 60), nil, operational.TuningTrying, "0 of 10 values"},
		{7 * time.Hour, flat(1, 60), nil, operational.TuningTakenBack, "too little happened"},
	} {
		w.Now = noon.Add(test.after)
		if to, why := Judge(w.Situation, c, test.before, test.since); to != test.want || !strings.Contains(why, test.why) {
			t.Errorf("%s: %s, %q; want %s, %q", test.after, to, why, test.want, test.why)
		}
	}
	w.person["cache.ttl"] = "300"
	w.configure()
	if to, _ := Judge(w.Situation, c, flat(1, 60), flat(.1, 60)); to != operational.TuningOvertaken {
		t.Error(to)
	}
}

// Steps respect what the others are.
func TestSteps(t *testing.T) {
	w := newTown(1)
	w.person["dolt.max_open_conns"] = "5"
	w.configure()
	knob := func(key string) Knob {
		return Knobs[slices.IndexFunc(Knobs, func(k Knob) bool { return k.Key == key })]
	}
	if _, to, ok := w.step(knob("dolt.max_idle_conns")); ok {
		t.Errorf("%s idle connections of 5", to)
	}
	if _, to, ok := w.step(knob("cache.memory_size")); !ok || to != "512MB" {
		t.Error(to, ok)
	}
	w.Memory = 1 << 30
	if _, to, ok := w.step(knob("cache.memory_size")); ok {
		t.Errorf("%s for caches with 1 GB left", to)
	}
	if _, to, ok := w.step(knob("cache.ttl")); !ok || to != "600" {
		t.Error(to, ok)
	}
	// A row that another program wrote sets nothing that may not be tuned.
	w.Changes = []operational.Tuning{{Setting: "polecat.max_concurrent", To: "1000", State: operational.TuningKept}}
	if got := InForce(w.Changes); len(got) != 0 {
		t.Error(got)
	}
	if c, ok := Begin(w.Situation, knob("cache.ttl"), 1, make([]float64, fewest-1)); ok {
		t.Errorf("a change that could not be judged: %+v", c)
	}
}

// The page lists every setting with its bounds.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/autotune.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Knobs {
		if !strings.Contains(string(page), "| `"+k.Key+"` | `"+k.Scope+"` | "+k.Bounds()+" |") {
			t.Errorf("docs/autotune.md has no row of %s with %s", k.Key, k.Bounds())
		}
	}
	if noise.Level != .01 {
		t.Error("docs/autotune.md says 1 %")
	}
}
