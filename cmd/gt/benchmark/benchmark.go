// Package benchmark is gt benchmark: it measures Towns that it makes for this and removes
// again, and compares what it measured. It never touches the Town it is called in.
package benchmark

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/town"
	"gastown/town/noise"
)

const (
	defaultRuns   = noise.Fewest
	maxRuns       = 100
	defaultWithin = 10 * time.Minute
	// allSizes is the word for every scenario.
	allSizes = "all"
)

// options are the options of the group.
type options struct {
	call          *shell.Call
	kind          string
	scenarios     []string
	runs          int
	within        time.Duration
	config        string
	before, after string
	output        string
	keep          bool
}

// printer prints a result for people.
type printer = func(*term.Printer)

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("benchmark", "Measure a Town that is made for this and removed again. The Town you are in is not touched.").HelpLong(shell.Examples(
		"gt benchmark --type=polecat", "gt benchmark --type=dolt --scenario=large --output before.json", "gt benchmark compare --before before.json --after after.json"))
	add := func(c shell.Command, define func(o *options, c *kingpin.CmdClause) shell.Action) {
		c.Alone, c.NoTown, c.Permission, c.Repeatable = true, true, shell.MayReadProgram, true
		c.Define = func(call *shell.Call, clause *kingpin.CmdClause) shell.Action {
			o := &options{call: call}
			clause.Flag("type", "What is measured: "+strings.Join(kindNames(), ", ")+".").Default(kinds[0].name).PlaceHolder("TYPE").StringVar(&o.kind)
			clause.Flag("scenario", "How large the Town is: "+strings.Join(trial.SizeNames(), ", ")+" or all. May be repeated.").
				Default(trial.Sizes[0].Name).PlaceHolder("SIZE").StringsVar(&o.scenarios)
			shell.Number(clause.Flag("runs", "How often each figure is measured; the median counts.").Default(itoa(defaultRuns)).PlaceHolder("N"), &o.runs)
			clause.Flag("within", "How long a scenario may take. What was measured by then is shown.").Default(defaultWithin.String()).PlaceHolder("DURATION").DurationVar(&o.within)
			clause.Flag("output", "Also write the result to this file, as JSON.").Short('o').PlaceHolder("FILE").StringVar(&o.output)
			clause.Flag("keep", "Keep the Town's directory after the measurement.").BoolVar(&o.keep)
			return define(o, clause)
		}
		p.Add(g, c)
	}
	add(shell.Command{
		Name: "run", Help: "Measure the scenarios of one type, and print each with its limit.", Default: true,
		Examples: []string{
			"gt benchmark --type=polecat --scenario=medium", "gt benchmark --type=convoy --scenario=all --json", "gt benchmark --type=dolt --config settings.yaml",
		},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("config", "Settings of the Town that is made, as NAME: VALUE lines.").PlaceHolder("FILE").StringVar(&o.config)
		return o.run
	})
	add(shell.Command{
		Name: "compare", Help: "Say whether two results, or Towns with two sets of settings, differ by more than noise.",
		Examples: []string{
			"gt benchmark compare --before before.json --after after.json", "gt benchmark compare --type=dolt --before few.yaml --after many.yaml --runs 10",
		},
	}, func(o *options, c *kingpin.CmdClause) shell.Action {
		c.Flag("before", "A result of gt benchmark, or a file of settings.").Required().PlaceHolder("FILE").StringVar(&o.before)
		c.Flag("after", "The result or settings to compare it with.").Required().PlaceHolder("FILE").StringVar(&o.after)
		return o.compare
	})
}

// check checks the flags, and finds the type.
func (o *options) check() (kind, error) {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == o.kind })
	switch {
	case i < 0:
		return kind{}, o.usage(nearest(o.kind, kindNames()), "there is no type %q", town.Clip(o.kind, 40))
	case o.runs < 1 || o.runs > maxRuns:
		return kind{}, o.usage("give a number from 1 to "+itoa(maxRuns), "--runs %d cannot be", o.runs)
	case o.within < time.Second:
		return kind{}, o.usage("give at least a second, such as --within 10m", "--within %s is too short", o.within)
	}
	known := append(trial.SizeNames(), allSizes)
	for _, name := range o.scenarios {
		if !slices.Contains(known, name) {
			return kind{}, o.usage(nearest(name, known), "there is no scenario %q", town.Clip(name, 40))
		}
	}
	if o.output != "" {
		return kinds[i], o.call.MayWrite(o.output) // it is written last, after minutes
	}
	return kinds[i], nil
}

func (o *options) usage(next, format string, args ...any) error {
	return town.Fail("measure", next, "%w: "+format, append([]any{town.ErrUsage}, args...)...)
}

// nearest is the next step for a name that is not known.
func nearest(name string, known []string) string {
	next := "choose one of: " + strings.Join(known, ", ")
	if near := town.Nearest(name, known, 1); len(near) > 0 {
		next = "did you mean " + near[0] + "? " + next
	}
	return next
}

// sizes are the scenarios that were asked for, smallest first.
func (o *options) sizes() (all []trial.Size) {
	for _, s := range trial.Sizes {
		if slices.Contains(o.scenarios, s.Name) || slices.Contains(o.scenarios, allSizes) {
			all = append(all, s)
		}
	}
	return all
}

// writes returns a function that writes a text.
func writes(text []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	}
}
