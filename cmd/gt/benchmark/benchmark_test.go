package benchmark

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/gt/internal/gttest"
	"gastown/cmd/internal/shell"
)

// figure is one with samples around a value.
func figure(name, unit string, samples ...float64) Figure {
	return Figure{Name: name, Unit: unit, Samples: samples}.settle()
}

// result has one scenario.
func result(figures ...Figure) Result {
	return Result{
		Benchmark: format, Type: "dolt", At: time.Unix(0, 0).UTC(), Runs: 5,
		Scenarios: []Scenario{{Name: "small", Polecats: 9, Convoys: 4, Limit: 1000, Response: 20, Kept: true, Figures: figures}},
	}
}

func write(t *testing.T, dir, name string, value any) {
	t.Helper()
	text, ok := value.(string)
	if !ok {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every verdict there is, of the smallest inputs that lead to it.
func TestCompareResults(t *testing.T) {
	w := gttest.New(t, Commands)
	five := func(v float64) []float64 { return []float64{v, v + 1, v + 2, v + 3, v + 4} }
	write(t, w.Dir, "before.json", result(
		figure("a", unitMS, five(100)...), figure("b", unitMS, five(100)...), figure("c", unitMS, five(100)...), figure("d", unitMS, 1, 2),
		figure("e", unitQueries, 4), figure("f", unitProcesses, 4), figure("g", unitQueries, 4), figure("only before", unitMS, 1), figure("zero", unitMS, 0, 0)))
	after := result(
		figure("a", unitMS, five(50)...), figure("b", unitMS, five(200)...), figure("c", unitMS, five(101)...), figure("d", unitMS, 100, 200),
		figure("e", unitQueries, 4), figure("f", unitProcesses, 3), figure("g", unitQueries, 5), figure("zero", unitMS, 0, 0))
	after.Scenarios[0].Polecats = 4
	write(t, w.Dir, "after.json", after)
	code, out, _ := w.Run("benchmark", "compare", "--before", "before.json", "--after", "after.json", "--json")
	var c Comparison
	if err := json.Unmarshal([]byte(out), &c); code != 0 || err != nil || len(c.Scenarios) != 1 {
		t.Fatal(code, err, out)
	}
	want := map[string]string{"a": faster, "b": slower, "c": inNoise, "d": tooFew, "e": same, "f": fewer, "g": more, "zero": tooFew}
	for _, d := range c.Scenarios[0].Figures {
		if d.Verdict != want[d.Name] || (d.Chance == nil) != (d.Unit != unitMS) {
			t.Errorf("%s: %+v, want %s", d.Name, d, want[d.Name])
		}
		delete(want, d.Name)
	}
	if len(want) > 0 {
		t.Errorf("not compared: %v", want)
	}
	if notes := c.Scenarios[0].Notes; len(notes) != 1 || !strings.Contains(notes[0], "9 polecats") {
		t.Errorf("notes %q", notes)
	}
	code, out, _ = w.Run("benchmark", "compare", "--before", "before.json", "--after", "after.json")
	for _, part := range []string{"-49 %", "0.008", "faster", "too few runs", "102 ms"} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in (%d)\n%s", part, code, out)
		}
	}
}

// What is wrong with files and flags is said with a next step, before anything is made.
func TestBadInput(t *testing.T) {
	w := gttest.New(t, Commands)
	good := result(figure("a", unitMS, 1))
	other, none, negative, newer := good, good, result(figure("a", unitMS, -1)), good
	other.Type, none.Scenarios, newer.Benchmark = "convoy", nil, 2
	large := good
	large.Scenarios = []Scenario{{Name: "large", Figures: good.Scenarios[0].Figures}}
	hostile := result(figure("a\x1b[31m", unitMS, 1))
	for name, value := range map[string]any{
		"good": good, "other": other, "none": none, "negative": negative, "newer": newer, "large": large, "hostile": hostile,
		"cut": `{"benchmark": 1, "type": "dolt"`, "field": `{"benchmark": 1, "kind": "dolt"}`, "object": `{}`, "empty": "",
		"settings": "dolt.max_open_conns: 30\n", "typo": "\ndolt.max_open_con: 30\n", "value": "dolt.max_open_conns: many\n", "nested": "dolt:\n  max_open_conns: 3\n",
		"list": "- a\n", "twice": "bd.prefix: a\nbd.prefix: b\n", "binary": "a: \xff\n",
	} {
		write(t, w.Dir, name, value)
	}
	compare := func(a, b string) []string { return []string{"compare", "--before", a, "--after", b} }
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--type=dolts"}, "did you mean dolt?"},
		{[]string{"--scenario=smal"}, "did you mean small?"},
		{[]string{"--runs=0"}, "from 1 to 100"},
		{[]string{"--runs=x"}, "not a whole number"},
		{[]string{"--within=1ms"}, "too short"},
		{[]string{"--config=nowhere"}, "no such file"},
		{[]string{"--config=good"}, "a result, not settings"},
		{[]string{"--config=typo"}, "line 2"},
		{[]string{"--config=value"}, "line 1"},
		{[]string{"--config=nested"}, "line 2: dolt has no single value"},
		{[]string{"--config=list"}, "line 1"},
		{[]string{"--config=twice"}, "line 2"},
		{[]string{"--config=binary"}, "not UTF-8"},
		{[]string{"--config=empty"}, "it is empty"},
		{[]string{"--config=."}, "not a regular file"},
		{compare("good", "nowhere"), "no such file"},
		{compare("good", "other"), "measure both with the same --type"},
		{compare("good", "large"), "no scenario in common"},
		{compare("good", "settings"), "one of good and settings is a result"},
		{compare("good", "none"), "it has no scenarios"},
		{compare("negative", "good"), "below 0"},
		{compare("newer", "good"), "version 2"},
		{compare("cut", "good"), "cut"},
		{compare("field", "good"), "kind"},
		{compare("object", "good"), "not a result of gt benchmark"},
		{[]string{"compare", "--before", "good"}, "after"},
	} {
		code, out, said := w.Run(append([]string{"benchmark"}, c.args...)...)
		if code != shell.ExitUsage || out != "" || !strings.Contains(said, c.says) || !strings.Contains(said, "next: ") {
			t.Errorf("%v: exit code %d, want %q\n%s%s", c.args, code, c.says, out, said)
		}
	}
	// A file that cannot be written is said before minutes of work, not after them.
	if code, out, said := w.Run("benchmark", "--output", "nowhere/x"); code != shell.ExitFailed || out != "" || !strings.Contains(said, "next: name a file in a directory that exists") {
		t.Errorf("an output that cannot be written: %d %s%s", code, out, said)
	}
	if code, out, said := w.Run(append([]string{"benchmark"}, compare("hostile", "hostile")...)...); code != 0 || strings.Contains(out, "\x1b") {
		t.Errorf("a hostile name: %d %q %s", code, out, said)
	}
}

// The scenario table has every scenario with its limit, also those that were not
// measured.
func TestTable(t *testing.T) {
	w := gttest.New(t, Commands)
	i := w.Invocation()
	var out strings.Builder
	i.Stdout = &out
	r := result(figure("point read", unitMS, 0.2, 0.3), figure("queries", unitQueries, 3))
	r.Scenarios[0].Less = "4 polecats instead of 9: the disk is full"
	o := &options{call: (&shell.Call{Invocation: i})}
	if err := o.tell(r, r.print); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"small", "9 of < 10", "< 1 s", "20 ms", "kept", "xlarge", "< 30 s", "not measured", "the disk is full", "250 us", "225 us to 275 us"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is missing in\n%s", part, out.String())
		}
	}
}
