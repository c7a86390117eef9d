package benchmark

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/version"
	"gastown/town"
	"gastown/town/config"
	"gastown/town/machine"
)

// bench makes the measurement of a scenario, as large as the machine carries. towns is
// how many Towns are measured at once.
func (o *options) bench(k kind, size trial.Size, settings map[string]string, towns int) (*bench, error) {
	r := o.readings()
	r.Memory = share(r.Memory, towns)
	r.Disk = share(r.Disk, towns)
	polecats, why := trial.FitRows(size.Polecats, r)
	if k.real {
		polecats, why = trial.Fit(size.Polecats, maxLoad(settings), r)
	}
	if polecats < 1 {
		return nil, tooLittle(why)
	}
	program, err := o.call.Executable()
	if err != nil {
		return nil, err
	}
	place, err := trial.NewPlace(o.temp(), program, o.call.Getenv("PATH"))
	if err != nil {
		return nil, err
	}
	b := &bench{
		kind: k, size: size, polecats: polecats, runs: o.runs, settings: settings, place: place, began: time.Now(), commands: map[string][]float64{},
		scenario: Scenario{Name: size.Name, Polecats: polecats, Convoys: size.Convoys, Real: k.real, Limit: milliseconds(size.Limit)},
	}
	b.step = func(what string, done, total int) {
		b.doing = what
		if total > 0 {
			b.doing = fmt.Sprintf("%s (%d of %d)", what, done, total)
		}
		o.call.Progress().Step(size.Name+": "+what, int64(done), int64(total), "")
	}
	if why != "" {
		b.less(fmt.Sprintf("%d polecats instead of %d: %s", polecats, size.Polecats, why))
		o.call.Hint("%s: %s", size.Name, b.scenario.Less)
	}
	return b, nil
}

// maxLoad is the bound for the load per core that the Town would have.
func maxLoad(settings map[string]string) int {
	cfg := config.New("benchmark")
	cfg.Settings = settings
	n, err := cfg.Int("machine.max_load")
	if err != nil {
		return 0
	}
	return n
}

// share is what each of some Towns gets; what is not known stays so.
func share(n int64, towns int) int64 {
	if n < 0 {
		return n
	}
	return n / int64(towns)
}

// readings are what the machine has left where the Towns will be.
func (o *options) readings() machine.Readings { return machine.Read(o.temp()) }

// maxTemp is the longest path of a directory for scratch directories, in bytes: the paths
// of the Town's sockets may have 107.
const maxTemp = 64

// temp is the directory for scratch directories.
func (o *options) temp() string {
	if dir := o.call.Getenv("TMPDIR"); dir != "" && len(o.call.Abs(dir)) <= maxTemp {
		return o.call.Abs(dir)
	}
	return "/tmp"
}

// begin is the result without scenarios.
func (o *options) begin(k kind, settings map[string]string) Result {
	return Result{Benchmark: format, Type: k.name, Version: version.Number, At: o.call.Now().UTC(), Runs: o.runs, Settings: settings, Machine: o.readings()}
}

// together measures some Towns of one scenario, each with settings of its own. Their
// rounds take turns, and every other round in the other order, so what the machine does
// meanwhile concerns all of them. What was measured is returned also after an error.
func (o *options) together(ctx context.Context, k kind, size trial.Size, settings ...map[string]string) (_ []Scenario, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.within)
	defer cancel()
	began := time.Now()
	var all []*bench
	defer func() {
		for _, b := range all {
			o.call.Progress().Step(size.Name+": clean up", 0, 0, "")
			err = errors.Join(err, b.place.Close(ctx, o.keep))
			if o.keep {
				o.call.Hint("the Town is left in %s; nothing runs in it", b.place.Dir)
			}
		}
	}()
	for _, s := range settings {
		b, err := o.bench(k, size, s, len(settings))
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	o.call.Hint("%s: %d polecats, %d convoys", size.Name, all[0].polecats, size.Convoys)
	err = o.rounds(ctx, all)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = ctx.Err() // whatever it kept from going on
	}
	var scenarios []Scenario
	for _, b := range all {
		scenarios = append(scenarios, b.result(err))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // the result says so
	}
	if took := time.Since(began).Round(100 * time.Millisecond); err == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		o.call.Hint("%s: stopped after %s", size.Name, took)
	} else if err == nil {
		o.call.Hint("%s: measured in %s", size.Name, took)
	}
	return scenarios, err
}

// rounds prepares Towns and measures them in turns.
func (o *options) rounds(ctx context.Context, all []*bench) error {
	for _, b := range all {
		if err := b.prepare(ctx); err != nil {
			return err
		}
	}
	for round := range o.runs {
		for i := range all {
			if round%2 == 1 {
				i = len(all) - 1 - i
			}
			if err := all[i].measure(ctx); err != nil {
				return err
			}
		}
	}
	for _, b := range all {
		if err := b.count(ctx); err != nil {
			return err
		}
	}
	return nil
}

// run is gt benchmark.
func (o *options) run(ctx context.Context) error {
	k, err := o.check()
	if err != nil {
		return err
	}
	settings, err := o.settings()
	if err != nil {
		return err
	}
	r := o.begin(k, settings)
	for _, size := range o.sizes() {
		var got []Scenario
		got, err = o.together(ctx, k, size, settings)
		r.Scenarios = append(r.Scenarios, got...)
		if err != nil {
			err = explain(size, err)
			break
		}
	}
	if len(r.Scenarios) == 0 || ctx.Err() != nil {
		return err
	}
	// Also what was measured before an error is told.
	return errors.Join(o.tell(r, r.print), err)
}

// tell writes a result to the file that --output names, and prints it.
func (o *options) tell(value any, say printer) error {
	return errors.Join(o.keepResult(value), o.call.Show(value, say)) // a file that cannot be written loses no result
}

func (o *options) keepResult(value any) error {
	if o.output == "" {
		return nil
	}
	text, err := shell.JSONText(value, "")
	if err == nil {
		err = o.call.WriteFile(o.output, writes(append(text, '\n')))
	}
	if err == nil {
		o.call.Hint("written to %s", o.output)
	}
	return err
}

// explain gives an error of a scenario its next step.
func explain(size trial.Size, err error) error {
	if _, ok := errors.AsType[*town.Error](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	return town.Fail("measure the scenario "+size.Name, "try again with --keep, and read .gt/deacon/deacon.log in the Town that is left", "%w", err)
}
