package strict

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

type sample struct {
	Name  string `yaml:"name" toml:"name" json:"name"`
	Count int    `yaml:"count" toml:"count" json:"count"`
	Jobs  map[string]struct {
		Schedule string `yaml:"schedule" toml:"schedule" json:"schedule"`
	} `yaml:"jobs" toml:"jobs" json:"jobs"`
	Steps []struct {
		Title string `yaml:"title" toml:"title" json:"title"`
	} `yaml:"steps" toml:"steps" json:"steps"`
}

func try(t *testing.T, decode func([]byte, any) error, cases map[string]string) {
	t.Helper()
	for text, want := range cases {
		var v sample
		err := decode([]byte(text), &v)
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestYAML(t *testing.T) {
	try(t, YAML, map[string]string{
		"name: a\ncount: 3\njobs: {gc: {schedule: '@daily'}}\nsteps:\n- title: b\n": "",
		"":                                 "it is empty",
		"# only a comment\n":               "it is empty",
		"---\n~\n":                         "it is empty",
		"name: a\n---\nname: b":            "it holds more than one YAML document",
		"name: \xff":                       "it is not UTF-8 text",
		"nmae: a\n":                        `line 1: there is no field "nmae": did you mean name?`,
		"name: a\ncolour: red\n":           `line 2: there is no field "colour"`,
		"jobs:\n  gc:\n    shedule: x\n":   `line 3: there is no field "shedule" in jobs.gc: did you mean schedule?`,
		"steps:\n- title: a\n- titel: b\n": `line 3: there is no field "titel" in steps: did you mean title?`,
		"name: [a]\n":                      "line 1: a value of the wrong kind (!!seq) for name",
		"name: a\ncount: many\n":           "line 2: a value of the wrong kind (!!str) for count",
		"nmae: a\ncount: many\n":           `line 1: there is no field "nmae": did you mean name?; line 2: a value of the wrong kind (!!str) for count`,
		"name: a\nname: b\n":               `line 2: mapping key "name" already defined at line 1`,
		"jobs: {gc: daily, x: {schedule: [1]}}\n":    "line 1: a value of the wrong kind (!!str); line 1: a value of the wrong kind (!!seq)", // either may be meant
		"jobs:\n  gc: daily\n":                       "line 2: a value of the wrong kind (!!str) for jobs.gc",
		"name: &x a\n":                               "line 1: anchors, aliases and merge keys are not used here",
		"jobs:\n  <<: {gc: {}}\n":                    "line 2: anchors, aliases and merge keys are not used here",
		"name: a\n\tcount: 3\n":                      "line 2: found a tab character that violates indentation",
		"a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\n": `line 1: there is no field "a"; line 2: there is no field "b"; line 3: there is no field "c"; line 4: there is no field "d"; line 5: there is no field "e"; and 2 more`,
	})
}

func TestTOML(t *testing.T) {
	try(t, TOML, map[string]string{
		"name = \"a\"\ncount = 3\n[jobs.gc]\nschedule = \"@daily\"\n[[steps]]\ntitle = \"b\"\n": "",
		"name = \"\xff\"":            "it is not UTF-8 text",
		"nmae = \"a\"\n":             `line 1: there is no field "nmae": did you mean name?`,
		"[[steps]]\ntitel = \"a\"\n": `line 2: there is no field "titel" in steps: did you mean title?`,
		"[jobs.gc]\nshedule = \"\"":  `line 2: there is no field "shedule" in jobs.gc: did you mean schedule?`,
		"count = \"x\"\n":            `line 1: "count" may not be a TOML string`,
	})
	var v sample
	for text, line := range map[string]int{"name = \"a\"\nname = \"b\"\n": 2, "name = \n": 1, "name = \"a\"\n\n[jobs\n": 3} {
		var e *Error
		if err := TOML([]byte(text), &v); !errors.As(err, &e) || e.Faults[0].Line != line {
			t.Errorf("%q: %v, want line %d", text, err, line)
		}
	}
}

func TestJSON(t *testing.T) {
	try(t, JSON, map[string]string{
		`{"name": "a", "steps": [{"title": "b"}]}` + "\n": "",
		"":                             "it is empty",
		" \n":                          "it is empty",
		"{\n\"nmae\": 1}":              `line 2: there is no field "nmae": did you mean name?`,
		`{"steps": [{"titel": "b"}]}`:  `line 1: there is no field "titel": did you mean title?`,
		"{\n\"x\": {\"name\": \"x\"}}": `there is no field "x"`, // it may be either "x"
		"{\"name\":\n3}":               `line 2: "name" may not be a JSON number`,
		"[]":                           "line 1: the value may not be a JSON array",
		"{\n\n":                        "line 3: malformed JSON: it ends too early",
		"{\n,}":                        "line 2: malformed JSON: invalid character ',' looking for beginning of object key string",
		`{"name": "a"}` + "\n" + `{}`:  "line 2: something follows the JSON value",
		`{"name": "a"} garbage`:        "line 1: something follows the JSON value",
	})
}

func TestLine(t *testing.T) {
	doc, err := Document([]byte("a: 1\nb:\n- x: 1\n- y: 2\n"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"": 1, "a": 1, "b": 3, "b.1": 4, "b.1.y": 4, "b.7": 3, "b.-1": 3, "c": 1} {
		if got := Line(doc, strings.Split(path, ".")...); got != want {
			t.Errorf("%q is on line %d, want %d", path, got, want)
		}
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	small, pipe := filepath.Join(dir, "small"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(small, []byte("1234"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := ReadFile(small, 4); err != nil || string(data) != "1234" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := ReadFile(small, 3); err == nil || err.Error() != "it is larger than 3 bytes" {
		t.Error(err)
	}
	if _, err := ReadFile(filepath.Join(dir, "missing"), 3); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	done := make(chan error, 1)
	go func() { _, err := ReadFile(pipe, 3); done <- err }()
	select {
	case err := <-done:
		if err == nil || err.Error() != "it is not a regular file" {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("reading a named pipe waits for a writer")
	}
}

// No text makes a decoder panic, and every error has words.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"name: a\n", "name = \"a\"\n", `{"name": "a"}`, "a: &x [*x]", "nmae: {steps: [1]}", "- - -", "\t"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, decode := range []func([]byte, any) error{YAML, TOML, JSON} {
			var v sample
			if err := decode(data, &v); err != nil && err.Error() == "" {
				t.Errorf("an error without words for %q", data)
			}
		}
	})
}
