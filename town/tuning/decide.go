package tuning

import (
	"fmt"
	"slices"
	"time"

	"gastown/planes/operational"
	"gastown/town/config"
	"gastown/town/noise"
)

const (
	// gain is how much less a figure must be, beside being less by more than noise.
	gain = .05
	// fewest is how many values a figure must have on each side: one a minute, or less
	// often.
	fewest = 10
	// patience is how many intervals a change may be tried while too little is measured.
	patience = 6
	// rest is how many intervals a setting that was taken back is left alone, and
	// restUndone how long one is that a person took back.
	rest       = 24
	restUndone = 30 * 24 * time.Hour
	// memoryShare is the part of the memory that is left that the caches may have.
	memoryShare = 8
)

// Situation is what a decision rests on.
type Situation struct {
	Now      time.Time
	Interval time.Duration
	Scope    []string
	// Config is the configuration in force, with what is tuned.
	Config *config.Config
	// Changes are all changes so far, oldest first.
	Changes []operational.Tuning
	// Held are the bounds of the queue that hold beads now.
	Held []string
	// Memory is what the machine has left, in bytes; 0 or less if it is not known.
	Memory int64
}

// Trying is the change that is being tried; nil for none.
func Trying(changes []operational.Tuning) *operational.Tuning {
	for i := range changes {
		if changes[i].State == operational.TuningTrying {
			return &changes[i]
		}
	}
	return nil
}

// InForce are the values that changes set, by setting: of each the newest counts.
func InForce(changes []operational.Tuning) map[string]string {
	values := map[string]string{}
	for _, c := range changes {
		if c.State.InForce() && known(c.Setting) {
			values[c.Setting] = c.To
		}
	}
	return values
}

// known reports whether a setting may be tuned at all: a row that another program wrote
// sets no other one.
func known(key string) bool {
	return slices.ContainsFunc(Knobs, func(k Knob) bool { return k.Key == key })
}

// Overtaken are the changes in force of settings that a person made since.
func Overtaken(s Situation) (all []operational.Tuning) {
	for _, c := range s.Changes {
		if c.State.InForce() && s.person(c.Setting) {
			all = append(all, c)
		}
	}
	return all
}

// person reports whether a person made a setting, in a file or by a variable.
func (s Situation) person(key string) bool {
	_, source, err := s.Config.Get(key)
	return err != nil || source == config.SourceSet || source == config.SourceEnv
}

// Candidates are the knobs that may be turned now, in the order in which their causes are
// to be measured: none while a change is tried, and none sooner than an interval after the
// last change began or ended.
func Candidates(s Situation) (all []Knob) {
	if Trying(s.Changes) != nil {
		return nil
	}
	for _, c := range s.Changes {
		if c.State != operational.TuningKept && s.since(c.Ended) < s.pause() || s.since(c.At) < s.pause() {
			return nil
		}
	}
	for _, k := range Knobs {
		if !slices.Contains(s.Scope, k.Scope) || s.person(k.Key) || s.resting(k) || k.Hold != "" && !slices.Contains(s.Held, k.Hold) {
			continue
		}
		if _, _, possible := s.step(k); possible {
			all = append(all, k)
		}
	}
	return all
}

func (s Situation) since(t time.Time) time.Duration {
	d := s.Now.Sub(t)
	if d < 0 { // the clock went back: nothing is younger than now
		return 0
	}
	return d
}

// pause is an interval less what the job that runs once in it may be early.
func (s Situation) pause() time.Duration { return s.Interval - s.Interval/10 }

// resting reports whether a knob was turned in vain not long ago.
func (s Situation) resting(k Knob) bool {
	for _, c := range s.Changes {
		if c.Setting != k.Key {
			continue
		}
		since := s.since(c.Ended)
		switch {
		case c.State == operational.TuningUndone && since < restUndone:
			return true
		case c.State == operational.TuningTakenBack && directionOf(c.Setting, c.From, c.To) == k.direction() && since < rest*s.Interval:
			return true
		}
	}
	return false
}

// step is the next value of a knob; possible is false if the bounds leave none.
func (s Situation) step(k Knob) (from, to string, possible bool) {
	from, _, err := s.Config.Get(k.Key)
	if err != nil {
		return "", "", false
	}
	now, err := parse(k.Key, from)
	if err != nil {
		return "", "", false
	}
	// More idle connections than connections make no sense; a person may have set those.
	if open, err := s.Config.Int("dolt.max_open_conns"); k.Key == "dolt.max_idle_conns" && err == nil {
		k.Most = min(k.Most, int64(open))
	}
	if k.Key == "cache.memory_size" && s.Memory > 0 {
		k.Most = min(k.Most, s.Memory/memoryShare>>20<<20)
	}
	next := k.next(now)
	if next == now || next < k.Least || next > k.Most {
		return from, from, false
	}
	return from, normal(k.Key, next), true
}

// Begin is the change that a knob makes, if what was measured is a cause, and if its figure
// was measured often enough to tell later whether it helped.
func Begin(s Situation, k Knob, cause float64, figure []float64) (change operational.Tuning, ok bool) {
	from, to, possible := s.step(k)
	if !possible || !(cause > k.Above) || len(figure) < fewest {
		return change, false
	}
	return operational.Tuning{
		Setting: k.Key, From: from, To: to, Cause: k.worded(cause), Figure: k.Name, Before: noise.Summarize(figure), Why: k.worded(cause),
	}, true
}

// KnobOf is the knob that made a change; false if there is none any more.
func KnobOf(c operational.Tuning) (Knob, bool) {
	for _, k := range Knobs {
		if k.Key == c.Setting && k.direction() == directionOf(c.Setting, c.From, c.To) {
			return k, true
		}
	}
	return Knob{}, false
}

// Judge says what becomes of the change that is being tried. It stays TuningTrying until it
// was in force for an interval and enough was measured.
func Judge(s Situation, c operational.Tuning, before, since []float64) (to operational.TuningState, why string) {
	tried := s.since(c.At)
	switch {
	case s.person(c.Setting):
		return operational.TuningOvertaken, "a person set " + c.Setting
	case tried < s.pause():
		return operational.TuningTrying, "it is tried for " + s.Interval.String()
	case len(before) < fewest || len(since) < fewest:
		if tried < patience*s.Interval {
			return operational.TuningTrying, fmt.Sprintf("%d of %d values were measured", len(since), fewest)
		}
		return operational.TuningTakenBack, fmt.Sprintf("too little happened to tell whether it helps: %d of %d values in %s", len(since), fewest, tried.Round(time.Second))
	}
	was, is := noise.Median(before), noise.Median(since)
	text := fmt.Sprintf("%s went from %.3g to %.3g", c.Figure, was, is)
	switch p := noise.Chance(before, since); {
	case is > was*(1-gain):
		return operational.TuningTakenBack, text + ", which is not better by 5 %"
	case p >= noise.Level:
		return operational.TuningTakenBack, fmt.Sprintf("%s, which may be chance (%.2g)", text, p)
	}
	return operational.TuningKept, text
}
