package schedule

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gastown/town"
)

// start runs a scheduler in a bubble until the test ends.
func start(t *testing.T, opts Options, jobs ...Job) (*Scheduler, func() bool) {
	t.Helper()
	if opts.Random == nil {
		opts.Random = func() float64 { return 0 }
	}
	s := New(opts)
	if err := s.Set(jobs); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan bool, 1)
	go func() { ended <- s.Run(ctx) }()
	synctest.Wait()
	return s, func() bool { cancel(); return <-ended }
}

// counter is a job that counts its runs.
func counter(name, spec string, n *atomic.Int32) Job {
	return Job{Name: name, Schedule: spec, Run: func(context.Context) (string, error) { n.Add(1); return "", nil }}
}

func TestRunsWhenDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var often, hourly atomic.Int32
		s, stop := start(t, Options{}, counter("often", "@every 1m", &often), counter("hourly", "0 * * * *", &hourly))
		time.Sleep(3*time.Hour + 30*time.Second)
		synctest.Wait()
		if often.Load() != 180 || hourly.Load() != 3 {
			t.Errorf("%d and %d runs", often.Load(), hourly.Load())
		}
		if jobs := s.Jobs(); jobs[0].Name != "often" || jobs[0].Last == nil || !jobs[0].Next.After(time.Now()) {
			t.Errorf("%+v", jobs[0])
		}
		if !stop() {
			t.Error("not all runs ended")
		}
	})
}

func TestNeverOverlapsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, skip, follow atomic.Int32
		slow := func(n *atomic.Int32) func(context.Context) (string, error) {
			return func(ctx context.Context) (string, error) {
				if in := now.Add(1); in > most.Load() {
					most.Store(in)
				}
				defer now.Add(-1)
				n.Add(1)
				time.Sleep(150 * time.Second)
				return "", nil
			}
		}
		s, stop := start(t, Options{},
			Job{Name: "skip", Schedule: "@every 1m", Deadline: time.Hour, Run: slow(&skip)})
		time.Sleep(10*time.Minute + time.Second)
		if most.Load() != 1 || skip.Load() != 4 || s.Jobs()[0].Skipped != 6 {
			t.Errorf("%d at once, %d runs, %d skipped", most.Load(), skip.Load(), s.Jobs()[0].Skipped)
		}
		stop()
		time.Sleep(time.Hour) // the last run ignores its cancellation
		most.Store(0)

		s, stop = start(t, Options{}, Job{Name: "follow", Schedule: "@yearly", Deadline: time.Hour, Overlap: Follow, Run: slow(&follow)})
		for range 5 { // requested while it runs: one more run, not five
			if err := s.Start("follow"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		if follow.Load() != 2 || most.Load() != 1 {
			t.Errorf("%d runs, %d at once", follow.Load(), most.Load())
		}
		stop()
	})
}

func TestPanicDeadlineAndFailureEndTheRunOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		var fine atomic.Int32
		release := make(chan struct{})
		got := map[string]Run{}
		done := make(chan Run, 100)
		s, stop := start(t, Options{Grace: 2 * time.Second, Done: func(r Run) { done <- r }},
			Job{Name: "panics", Schedule: "@yearly", Run: func(context.Context) (string, error) { panic("no") }},
			Job{Name: "fails", Schedule: "@yearly", Run: func(context.Context) (string, error) { return "", broken }},
			Job{Name: "slow", Schedule: "@yearly", Deadline: time.Second, Run: func(ctx context.Context) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			}},
			Job{Name: "stuck", Schedule: "@yearly", Deadline: time.Second, Run: func(context.Context) (string, error) {
				<-release
				return "", nil
			}},
			counter("fine", "@every 1m", &fine))
		for _, name := range []string{"panics", "fails", "slow", "stuck"} {
			r, err := s.Do(t.Context(), name)
			if err != nil || r.Job != name {
				t.Fatalf("%s: %v", name, err)
			}
			got[name] = r
		}
		for name, want := range map[string]Outcome{"panics": Panicked, "fails": Failed, "slow": Deadline, "stuck": Stuck} {
			if got[name].Outcome != want || got[name].Err == nil {
				t.Errorf("%s: %+v", name, got[name])
			}
		}
		if !errors.Is(got["fails"].Err, broken) || got["stuck"].Took != 3*time.Second {
			t.Errorf("%+v", got)
		}
		// A job whose run does not end is not started again, and its state says so.
		if _, err := s.Do(t.Context(), "stuck"); !errors.Is(err, town.ErrBusy) {
			t.Errorf("a stuck job was run again: %v", err)
		}
		close(release)
		synctest.Wait()
		if r, err := s.Do(t.Context(), "stuck"); err != nil || r.Outcome != OK {
			t.Errorf("it never ran again: %+v, %v", r, err)
		}
		time.Sleep(5 * time.Minute)
		if fine.Load() < 5 {
			t.Error("the other job suffered")
		}
		stop()
	})
}

func TestStopCancelsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := make(chan Run, 10)
		release := make(chan struct{})
		s, stop := start(t, Options{Grace: 2 * time.Second, Done: func(r Run) { runs <- r }},
			Job{Name: "obeys", Schedule: "@yearly", Deadline: time.Hour, Run: func(ctx context.Context) (string, error) {
				<-ctx.Done()
				return "", ctx.Err()
			}},
			Job{Name: "deaf", Schedule: "@yearly", Deadline: time.Hour, Run: func(context.Context) (string, error) {
				<-release
				return "", nil
			}})
		if err := errors.Join(s.Start("obeys"), s.Start("deaf")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		if stop() {
			t.Error("a deaf job counts as ended")
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("the stop took %s", took)
		}
		for range 2 {
			if r := <-runs; (r.Job == "obeys") != (r.Outcome == Stopped) {
				t.Errorf("%+v", r)
			}
		}
		if _, err := s.Do(t.Context(), "obeys"); !errors.Is(err, town.ErrBusy) {
			t.Errorf("run after the stop: %v", err)
		}
		close(release)
	})
}

func TestFailingPausesGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		fail := true
		job := Job{Name: "dead", Schedule: "@every 5m", MaxPause: time.Hour, Run: func(context.Context) (string, error) {
			began = append(began, time.Now())
			if fail {
				return "", errors.New("no answer")
			}
			return "", nil
		}}
		s, stop := start(t, Options{}, job)
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		var gaps []time.Duration
		for i := 1; i < len(began); i++ {
			gaps = append(gaps, began[i].Sub(began[i-1]))
		}
		want := []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour, time.Hour}
		for i, w := range want {
			if i >= len(gaps) || gaps[i] != w {
				t.Fatalf("pauses %v, want %v", gaps, want)
			}
		}
		// A request does not wait for the pause, and a success ends the pause.
		fail = false
		if r, err := s.Do(t.Context(), "dead"); err != nil || !r.OK() {
			t.Fatal(r, err)
		}
		if st := s.Jobs()[0]; st.Failures != 0 || time.Until(st.Next) > 5*time.Minute {
			t.Errorf("%+v", st)
		}
		stop()
	})
}

// A run that failed in part counts as a failure and does not slow its job down.
func TestPartialFailuresKeepPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		var whole atomic.Bool
		job := Job{Name: "half", Schedule: "@every 5m", MaxPause: time.Hour, Run: func(context.Context) (string, error) {
			runs.Add(1)
			if whole.Load() {
				return "", errors.New("no answer")
			}
			return "", KeepPace(errors.New("no answer"))
		}}
		s, stop := start(t, Options{}, job)
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		st := s.Jobs()[0]
		if runs.Load() != 12 || st.Failures != 12 || st.Last.Outcome != Failed {
			t.Errorf("%d runs, %+v", runs.Load(), st)
		}
		// Whole failures slow it down, and a partial one ends that.
		whole.Store(true)
		time.Sleep(time.Hour)
		whole.Store(false)
		if _, err := s.Do(t.Context(), "half"); err != nil {
			t.Fatal(err)
		}
		if st := s.Jobs()[0]; time.Until(st.Next) > 5*time.Minute {
			t.Errorf("%+v", st)
		}
		stop()
	})
}

// A run that fails after its next due time has passed is not repeated at once, and
// a failure just before the due time leads to the same pause.
func TestSlowFailuresPauseToo(t *testing.T) {
	for _, spec := range []string{"@every 1m", "* * * * *"} {
		synctest.Test(t, func(t *testing.T) {
			var ended, began []time.Time
			job := Job{Name: "hole", Schedule: spec, MaxPause: time.Hour, Overlap: Follow, Deadline: 179 * time.Second}
			job.Run = func(ctx context.Context) (string, error) {
				began = append(began, time.Now())
				<-ctx.Done()
				ended = append(ended, time.Now())
				return "", ctx.Err()
			}
			_, stop := start(t, Options{}, job)
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			for i, want := range []time.Duration{0, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute} {
				if pause := began[i+1].Sub(ended[i]); pause < want || pause > want+time.Minute {
					t.Errorf("%s: failure %d is followed by a pause of %s, want %s", spec, i+1, pause, want)
				}
			}
			stop()
		})
	}
}

func TestPausesHaveJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := 0.0
		e := &entry{job: Job{MaxPause: time.Hour}, slowing: 4}
		e.schedule, _ = Parse("@every 5m")
		s := New(Options{Random: func() float64 { random += .1; return random - .1 }})
		now := time.Now()
		seen := map[time.Duration]bool{}
		for range 5 { // two numbers each
			gap := s.after(e, now).Sub(now)
			if gap > 40*time.Minute || gap < 30*time.Minute {
				t.Errorf("a pause of %s", gap)
			}
			seen[gap] = true
		}
		if len(seen) < 4 {
			t.Errorf("pauses %v", seen)
		}
	})
}

// The wall clock advances while the machine sleeps; timers do not.
func TestMissedRunsRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		var hourly atomic.Int32
		_, stop := start(t, Options{Now: func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }}, counter("hourly", "0 * * * *", &hourly))
		time.Sleep(time.Minute)
		slept.Store(int64(5 * time.Hour))
		time.Sleep(defaultLook + time.Second)
		synctest.Wait()
		if hourly.Load() != 1 {
			t.Errorf("%d runs after five were missed", hourly.Load())
		}
		// When the clock is put back, no job waits for its former due time.
		slept.Store(0)
		time.Sleep(time.Hour)
		synctest.Wait()
		if hourly.Load() != 2 {
			t.Errorf("%d runs after the clock was put back", hourly.Load())
		}
		stop()

		// The program did not run for a while.
		for last, want := range map[time.Duration]int32{25 * time.Hour: 1, time.Minute: 0} {
			var daily atomic.Int32
			at := time.Now().Add(-last)
			_, stop := start(t, Options{Last: func(string) time.Time { return at }}, counter("daily", "@every 24h", &daily))
			time.Sleep(time.Minute)
			if daily.Load() != want {
				t.Errorf("last run %s ago: %d runs", last, daily.Load())
			}
			stop()
		}
	})
}

// A job of every day has its first run also where no Deacon lives for a day.
func TestTheFirstRunIsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for first, want := range map[time.Duration]int32{0: 0, 5 * time.Minute: 1, 48 * time.Hour: 0} {
			var daily atomic.Int32
			job := counter("daily", "@every 24h", &daily)
			job.First = first
			_, stop := start(t, Options{}, job)
			time.Sleep(time.Hour)
			if daily.Load() != want {
				t.Errorf("first run after %s: %d runs in an hour", first, daily.Load())
			}
			stop()
		}
	})
}

func TestReplacingTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a, b atomic.Int32
		s, stop := start(t, Options{}, counter("a", "@every 1m", &a))
		time.Sleep(90 * time.Second)
		bad := Job{Name: "b", Schedule: "TZ=0", Run: func(context.Context) (string, error) { return "", nil }}
		if err := s.Set([]Job{bad}); !errors.Is(err, town.ErrUsage) {
			t.Fatalf("a malformed job was taken: %v", err)
		}
		if err := s.Set([]Job{counter("a", "@every 1m", &a), counter("b", "@every 10s", &b)}); err != nil {
			t.Fatal(err)
		}
		if jobs := s.Jobs(); jobs[0].Last == nil || len(jobs) != 2 {
			t.Errorf("history is gone: %+v", jobs)
		}
		time.Sleep(35 * time.Second)
		synctest.Wait()
		if a.Load() != 2 || b.Load() != 3 {
			t.Errorf("%d and %d runs", a.Load(), b.Load())
		}
		off := counter("a", "@every 1m", &a)
		off.Disabled = true
		if err := s.Set([]Job{off}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if a.Load() != 2 || b.Load() != 3 {
			t.Errorf("what is off or gone ran: %d, %d", a.Load(), b.Load())
		}
		if _, err := s.Do(t.Context(), "b"); !errors.Is(err, town.ErrUsage) || town.Next(err) == "" {
			t.Errorf("unknown job: %v", err)
		}
		if r, err := s.Do(t.Context(), "a"); err != nil || !r.OK() {
			t.Errorf("a job that is off does not run when asked: %v %v", r, err)
		}
		stop()
	})
}

func TestSchedules(t *testing.T) {
	for _, good := range []string{"@every 5m", "@daily", "30 3 * * *", "*/10 8-18 * * 1-5", "CRON_TZ=UTC 0 4 * * *"} {
		if _, err := Parse(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "TZ=0", "TZ=", "CRON_TZ=x", "@every", "@every x", "* * * *", "61 * * * *", "0 0 31 2 *",
		"@reboot", strings.Repeat("1,", 500) + "1 * * * *"} {
		if _, err := Parse(bad); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"@every 5m", "TZ=0", "30 3 * * *", "TZ=UTC", "*/0 * * * *"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		if s, err := Parse(spec); err == nil && s.Next(time.Now()).IsZero() {
			t.Error("never due")
		}
	})
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "schedule.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFile(t *testing.T) {
	table := []Job{{Name: "gc", Schedule: "@daily", Deadline: time.Minute}, {Name: "checks", Schedule: "@every 1m", Jitter: time.Second}}
	path := write(t, `# when jobs run
jobs:
  gc: {schedule: "30 4 * * *", jitter: 5m, deadline: 1h}
  checks:
    enabled: false
`)
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Apply(table)
	if err != nil {
		t.Fatal(err)
	}
	if g := got[0]; g.Schedule != "30 4 * * *" || g.Jitter != 5*time.Minute || g.Deadline != time.Hour || g.Disabled {
		t.Errorf("%+v", g)
	}
	if c := got[1]; !c.Disabled || c.Schedule != "@every 1m" || c.Jitter != time.Second {
		t.Errorf("%+v", c)
	}
	if table[1].Disabled {
		t.Error("the table itself was changed")
	}
	for _, same := range []string{"", "# nothing\n", "jobs:\n"} {
		if f, err := Load(write(t, same)); err != nil {
			t.Errorf("%q: %v", same, err)
		} else if _, err := f.Apply(table); err != nil {
			t.Errorf("%q: %v", same, err)
		}
	}
	if f, err := Load(filepath.Join(t.TempDir(), "none.yaml")); err != nil {
		t.Errorf("no file: %v %v", f, err)
	}
}

func TestBadFiles(t *testing.T) {
	table := []Job{{Name: "gc", Schedule: "@daily"}}
	for text, want := range map[string]string{
		"jobs:\n  gcc: {enabled: true}\n":                  "line 2: there is no job \"gcc\"; there are gc",
		"jobs:\n  gc: {shedule: \"@daily\"}\n":             "line 2: there is no field \"shedule\" in jobs.gc: did you mean schedule?",
		"jobs:\n  gc:\n    schedule: \"TZ=0\"\n":           "line 3: job gc: schedule \"TZ=0\"",
		"jobs:\n  gc: {schedule: \"* * *\"}\n":             "schedule \"* * *\"",
		"jobs:\n  gc: {deadline: 5}\n":                     "deadline \"5\"",
		"jobs:\n  gc: {deadline: 100h}\n":                  "deadline \"100h\"",
		"jobs:\n  gc: {jitter: -1s}\n":                     "jitter \"-1s\"",
		"jobs:\n  gc: {enabled: perhaps}\n":                "line 2",
		"jobs:\n  gc: daily\n":                             "line 2: a value of the wrong kind (!!str) for jobs.gc",
		"job:\n  gc: {enabled: true}\n":                    "line 1",
		"jobs: [1]\n":                                      "line 1",
		"jobs:\n\tgc: {}\n":                                "line 2",
		"jobs: {}\n---\njobs: {}\n":                        "more than one YAML document",
		"jobs:\n  gc: {}\n" + strings.Repeat("#", maxFile): "larger than",
	} {
		path := write(t, text)
		f, err := Load(path)
		if err == nil {
			_, err = f.Apply(table)
		}
		if !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) || town.Next(err) == "" {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

// Do and Start fail at once when there can be no run, so the caller can do the work
// itself.
func TestNoPromiseIsMadeThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		deaf := make(chan struct{})
		jobs := []Job{counter("quick", "@every 1h", &n), {
			Name: "deaf", Schedule: "@every 1h", Deadline: time.Minute,
			Run: func(context.Context) (string, error) { <-deaf; return "", nil },
		}}
		early := New(Options{})
		if err := early.Set(jobs); err != nil {
			t.Fatal(err)
		}
		if err := early.Start("quick"); !errors.Is(err, town.ErrBusy) {
			t.Errorf("before it runs: %v", err)
		}
		s, stop := start(t, Options{}, jobs...)
		<-s.Began()
		if err := errors.Join(s.Start("quick"), s.Start("deaf")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		if err := s.Start("deaf"); !errors.Is(err, town.ErrBusy) || town.Next(err) == "" {
			t.Errorf("stuck: %v", err)
		}
		close(deaf)
		synctest.Wait()
		if err := s.Start("deaf"); err != nil {
			t.Errorf("no longer stuck: %v", err)
		}
		stop()
		if err := s.Start("quick"); !errors.Is(err, town.ErrBusy) || n.Load() != 1 {
			t.Errorf("after the end: %v, %d runs", err, n.Load())
		}
	})
}

// A row with keys is one job for each key; the file changes the row or one job.
func TestKeys(t *testing.T) {
	var ran []string
	table := []Job{
		{Name: "gc", Schedule: "@daily", Run: func(context.Context) (string, error) { return "", nil }},
		{Name: "sync", Schedule: "@every 5m", Keys: []string{"a", "b"}, AtOnce: 3,
			RunKey: func(_ context.Context, key string) (string, error) { ran = append(ran, key); return "", nil }},
		{Name: "backup", Schedule: "@hourly", Absent: true},
	}
	f, err := Load(write(t, "at_once: 7\njobs:\n  backup: {deadline: 3m}\n  sync: {schedule: \"@every 2m\", at_once: 2}\n  sync:b: {enabled: false}\n  sync:gone: {enabled: false}\n"))
	if err != nil {
		t.Fatal(err)
	}
	jobs, err := f.Apply(table)
	if err != nil || len(jobs) != 3 || f.AtOnce != 7 {
		t.Fatalf("%+v, %v", jobs, err)
	}
	a, b := jobs[1], jobs[2]
	if a.Name != "sync:a" || a.Row() != "sync" || a.Schedule != "@every 2m" || a.AtOnce != 2 || a.Disabled || !b.Disabled || b.Schedule != "@every 2m" {
		t.Errorf("%+v, %+v", a, b)
	}
	if jobs[0].Row() != "gc" {
		t.Error(jobs[0].Row())
	}
	for _, j := range jobs[1:] {
		if _, err := j.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(ran) != 2 || ran[0] != "a" || ran[1] != "b" {
		t.Errorf("%q", ran)
	}
	for text, want := range map[string]string{
		"jobs:\n  gc:x: {enabled: false}\n": "there is no job",
		"jobs:\n  backup: {deadline: 1}\n":  "line 2: job backup",
		"jobs:\n  sync:: {}\n":              "there is no job",
		"jobs:\n  sync:a: {at_once: 1}\n":   "at_once",
		"jobs:\n  sync: {at_once: 0}\n":     "at_once 0",
		"at_once: 100000\n":                 "at_once 100000",
	} {
		f, err := Load(write(t, text))
		if err == nil {
			_, err = f.Apply(table)
		}
		if !errors.Is(err, town.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// No more runs are under way than the limits allow, and every request is served.
func TestRunsWaitForAPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, all atomic.Int32
		work := func(context.Context, string) (string, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Second)
			all.Add(1)
			return "", nil
		}
		var other atomic.Int32
		keys := []string{"a", "b", "c", "d", "e", "f", "g"}
		s, stop := start(t, Options{AtOnce: 4},
			Job{Name: "sync", Schedule: "@yearly", Keys: keys, AtOnce: 3, RunKey: work}, counter("other", "@yearly", &other))
		for _, key := range keys {
			if err := s.Start(KeyedName("sync", key)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		waiting := 0
		for _, j := range s.Jobs() {
			if j.Waiting {
				waiting++
			}
		}
		if now.Load() != 3 || waiting != 4 {
			t.Errorf("%d runs, %d wait", now.Load(), waiting)
		}
		// The row's limit leaves a place for another row.
		if r, err := s.Do(t.Context(), "other"); err != nil || r.Outcome != OK || now.Load() != 3 {
			t.Errorf("%+v, %v", r, err)
		}
		// A caller that waits for a run without a place gets it later.
		if r, err := s.Do(t.Context(), "sync:g"); err != nil || r.Outcome != OK {
			t.Errorf("%+v, %v", r, err)
		}
		time.Sleep(10 * time.Second)
		if most.Load() != 3 || all.Load() != int32(len(keys)) {
			t.Errorf("%d at once, %d runs", most.Load(), all.Load())
		}
		// When a waiting job is removed, the callers that wait for it are told.
		s.SetAtOnce(1)
		if err := s.Start("sync:a"); err != nil {
			t.Fatal(err)
		}
		asked := make(chan Run, 1)
		go func() { r, _ := s.Do(t.Context(), "other"); asked <- r }()
		synctest.Wait()
		if err := s.Set([]Job{{Name: "sync", Schedule: "@yearly", Keys: keys, RunKey: work}}); err != nil {
			t.Fatal(err)
		}
		if r := <-asked; r.Outcome != Stopped {
			t.Errorf("%+v", r)
		}
		stop()
	})
}

// While they are held, jobs that act wait; the others do not. A stop does not leave callers
// waiting.
func TestHeldJobsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var acts, other atomic.Int32
		acting := counter("acts", "@every 1m", &acts)
		acting.Acts = true
		s := New(Options{})
		if err := s.Set([]Job{acting, counter("other", "@every 1m", &other)}); err != nil {
			t.Fatal(err)
		}
		s.Hold(true)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan bool, 1)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(150 * time.Second)
		synctest.Wait()
		if acts.Load() != 0 || other.Load() != 2 || !s.Jobs()[0].Waiting || s.Jobs()[1].Waiting {
			t.Errorf("%d and %d runs, %+v", acts.Load(), other.Load(), s.Jobs())
		}
		s.Hold(false)
		synctest.Wait()
		if acts.Load() != 1 || s.Jobs()[0].Waiting {
			t.Errorf("%d runs, %+v", acts.Load(), s.Jobs()[0])
		}
		s.Hold(true)
		asked := make(chan Run, 1)
		go func() { r, _ := s.Do(t.Context(), "acts"); asked <- r }()
		synctest.Wait()
		cancel()
		if r := <-asked; r.Outcome != Stopped || !<-ended || acts.Load() != 1 {
			t.Errorf("%+v, %d runs", r, acts.Load())
		}
	})
}

// A resumable job stops between its steps: when it is told to, and when the
// scheduler stops; the context of its step goes on.
func TestResumableJobsStopBetweenSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var steps, cut atomic.Int32
		job := Job{Name: "long", Schedule: "@yearly", Deadline: time.Hour, Resumable: true, Run: func(ctx context.Context) (string, error) {
			for {
				if err := Yield(ctx); err != nil {
					return "", err
				}
				select {
				case <-time.After(time.Second):
					steps.Add(1)
				case <-ctx.Done():
					cut.Add(1)
					return "", context.Cause(ctx)
				}
			}
		}}
		var n atomic.Int32
		s, stop := start(t, Options{Grace: 3 * time.Second}, job, counter("short", "@yearly", &n))
		asked := make(chan Run, 1)
		do := func() { r, _ := s.Do(t.Context(), "long"); asked <- r }
		go do()
		time.Sleep(2500 * time.Millisecond)
		if err := s.Interrupt("long"); err != nil {
			t.Fatal(err)
		}
		if r := <-asked; r.Outcome != Stopped || steps.Load() != 3 || s.Jobs()[0].Failures != 0 {
			t.Errorf("%+v after %d steps", r, steps.Load())
		}
		if err := s.Interrupt("short"); !errors.Is(err, town.ErrUsage) {
			t.Error(err)
		}
		go do()
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		if !stop() || time.Since(began) != 500*time.Millisecond {
			t.Errorf("the stop took %s", time.Since(began))
		}
		if r := <-asked; r.Outcome != Stopped || steps.Load() != 4 || cut.Load() != 0 {
			t.Errorf("%+v after %d steps", r, steps.Load())
		}
		if Yield(t.Context()) != nil {
			t.Error("a context of no run yields")
		}
	})
}
