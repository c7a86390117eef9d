package benchmark

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/town"
	"gastown/town/noise"
)

// response is the name of the figure that a scenario's limit is for.
const response = "slowest command to watch the Town"

// kind is what --type selects: how its Town is prepared, what one round measures, and
// what is measured once at the end. Rounds of two Towns may take turns.
type kind struct {
	name string
	// real says that the polecats are agents in tmux.
	real    bool
	prepare func(context.Context, *bench) error
	round   func(context.Context, *bench) error
	end     func(context.Context, *bench) error
}

var kinds = []kind{
	{"polecat", true, preparePolecats, roundPolecats, endPolecats},
	{"convoy", false, prepareConvoys, roundConvoys, nil},
	{"dolt", false, prepareDolt, roundDolt, endDolt},
	{"federation", false, prepareFederation, roundFederation, endFederation},
}

func kindNames() (names []string) {
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// bench is one Town under measurement.
type bench struct {
	place    *trial.Place
	town     *trial.Town
	kind     kind
	size     trial.Size
	polecats int
	runs     int
	settings map[string]string
	// step says what is done now, which is then in doing.
	step  func(what string, done, total int)
	doing string

	began    time.Time
	figures  []*Figure
	commands map[string][]float64 // of trial.Watched
	scenario Scenario
	// of the kinds
	members []string // beads of convoys
	round   int
	begun   []string // beads that a polecat works on
	reader  *trial.Town
	edits   int
}

// add adds a sample of a figure. healthy is what its median should be below; 0 for no
// threshold.
func (b *bench) add(name, unit string, sample, healthy float64) {
	i := slices.IndexFunc(b.figures, func(f *Figure) bool { return f.Name == name })
	if i < 0 {
		i = len(b.figures)
		b.figures = append(b.figures, &Figure{Name: name, Unit: unit, Healthy: healthy})
	}
	b.figures[i].Samples = append(b.figures[i].Samples, sample)
}

// time runs a command and adds how long it took.
func (b *bench) time(name string, healthy time.Duration, run func() (trial.Sample, error)) (trial.Sample, error) {
	s, err := run()
	if err == nil {
		b.add(name, unitMS, milliseconds(s.Wall), milliseconds(healthy))
	}
	return s, err
}

// prepare makes the Town with its Deacon.
func (b *bench) prepare(ctx context.Context) error {
	b.step("make the Town", 0, 0)
	if err := b.kind.prepare(ctx, b); err != nil {
		return err
	}
	// The first of each is a warm-up.
	for _, words := range trial.Watched {
		if _, err := b.town.GT(ctx, strings.Fields(words)...); err != nil {
			return err
		}
	}
	return nil
}

// measure measures one sample of each figure.
func (b *bench) measure(ctx context.Context) error {
	b.round++
	b.step("measure", b.round, b.runs)
	if err := b.kind.round(ctx, b); err != nil {
		return err
	}
	slowest := 0.0
	for _, words := range trial.Watched {
		s, err := b.town.GT(ctx, strings.Fields(words)...)
		if err != nil {
			return err
		}
		took := milliseconds(s.Wall)
		b.commands[words] = append(b.commands[words], took)
		slowest = max(slowest, took)
		if words == "status" {
			b.scenario.Queries = max(b.scenario.Queries, s.Queries) // less where a cache had the answer
		}
	}
	b.add(response, unitMS, slowest, b.scenario.Limit)
	return nil
}

// count counts the processes of a round of the commands by which people watch the Town,
// and ends the measurements.
func (b *bench) count(ctx context.Context) error {
	n, err := b.counted(ctx, func(env []string) error {
		for _, words := range trial.Watched {
			if _, err := b.town.As(ctx, env, b.place.GT, strings.Fields(words)...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	b.scenario.Processes, b.scenario.Counted = n, true
	if b.kind.end != nil {
		return b.kind.end(ctx, b)
	}
	return nil
}

// counted counts the processes of git and tmux that a function's commands start.
func (b *bench) counted(_ context.Context, run func(env []string) error) (int, error) {
	c, err := trial.NewCounter(filepath.Join(b.place.Dir, "counter"), "git", "tmux")
	if err == nil {
		err = run(b.place.Counting(c))
	}
	if err != nil {
		return 0, err
	}
	return c.Take()
}

// result is what was measured, also when that is not all. failed is why it is not.
func (b *bench) result(failed error) Scenario {
	if errors.Is(failed, context.DeadlineExceeded) {
		b.less("its time (--within) was over at this step: " + b.doing)
	}
	s := b.scenario
	for _, f := range b.figures {
		s.Figures = append(s.Figures, f.settle())
		if f.Name == response {
			s.Response = noise.Median(f.Samples)
			s.Kept = s.Response < s.Limit
		}
	}
	longest := 0.0
	for _, words := range trial.Watched {
		if m := noise.Median(b.commands[words]); m > longest {
			longest, s.Slowest = m, "gt "+words
		}
	}
	s.Took = milliseconds(time.Since(b.began))
	return s
}

// await waits until something holds.
func await(ctx context.Context, every time.Duration, holds func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// bounds are settings with which the Town lets so many polecats work, and leaves alone
// what is measured.
func (b *bench) bounds(extra ...string) map[string]string {
	n := max(b.polecats, 1)
	all := map[string]string{
		"polecat.max_concurrent": itoa(n), "polecat.max_per_rig": itoa(n), "tmux.max_sessions": itoa(n + 20), "sling.queue_size": itoa(max(n, 100)),
		"witness.silent": "240h", "witness.progress": "2400h", "federation.interval": "720h",
	}
	for i := 0; i < len(extra); i += 2 {
		all[extra[i]] = extra[i+1]
	}
	for name, value := range b.settings {
		all[name] = value
	}
	return all
}

// install makes the Town of a kind whose polecats are rows.
func (b *bench) install(ctx context.Context, name string) (*trial.Town, error) {
	return b.place.Install(ctx, name, b.bounds())
}

// tooLittle is the error of a machine that carries no Town.
func tooLittle(why string) error {
	return town.Fail("measure", "end other programs, or measure later", "%w: the machine has too little left: %s", town.ErrRefused, why)
}
