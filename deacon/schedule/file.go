package schedule

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"gastown/town"
	"gastown/town/strict"
)

const (
	// maxFile is the largest schedule file that is read, in bytes.
	maxFile = 64 << 10
	// The limits of values in the file.
	minDeadline = time.Second
	maxDeadline = 24 * time.Hour
	maxJitter   = time.Hour
	maxAtOnce   = 1000
)

// File is a person's changes to the table.
type File struct {
	// AtOnce is how many runs may be under way at once; 0 means the default.
	AtOnce int

	path string
	jobs map[string]override
}

// override is what the file says about one row or one job; missing values stay.
type override struct {
	Schedule *string `yaml:"schedule"`
	Jitter   *string `yaml:"jitter"`
	Deadline *string `yaml:"deadline"`
	Enabled  *bool   `yaml:"enabled"`
	AtOnce   *int    `yaml:"at_once"`
	line     int
}

// Load reads a schedule file. A file that does not exist changes nothing. Unknown
// fields and malformed values are errors that name the line.
func Load(path string) (File, error) {
	data, err := strict.ReadFile(path, maxFile)
	if errors.Is(err, os.ErrNotExist) {
		return File{path: path}, nil
	}
	if err != nil {
		return File{}, fail(path, err)
	}
	out, err := decode(data)
	if err != nil {
		return File{}, fail(path, err)
	}
	out.path = path
	return out, nil
}

func fail(path string, err error) error {
	return town.Fail("read "+path, "correct the file; docs/deacon.md lists the jobs and their settings", "%w: %w", town.ErrUsage, err)
}

func decode(data []byte) (out File, err error) {
	doc, err := strict.Document(data)
	if errors.Is(err, strict.ErrEmpty) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	var content struct {
		AtOnce *int                `yaml:"at_once"`
		Jobs   map[string]override `yaml:"jobs"`
	}
	if err := strict.YAML(data, &content); err != nil {
		return out, err
	}
	if err := count("at_once", content.AtOnce, &out.AtOnce); err != nil {
		return out, fmt.Errorf("line %d: %w", strict.Line(doc, "at_once"), err)
	}
	for name, o := range content.Jobs {
		o.line = strict.Line(doc, "jobs", name)
		content.Jobs[name] = o
	}
	out.jobs = content.Jobs
	return out, nil
}

// Apply returns the jobs of the table with the file's changes, one for each key of
// a row. An entry for a row applies to all its jobs; an entry NAME:KEY applies to
// that job alone. An unknown row or an invalid value is town.ErrUsage with the
// line. A key that the row does not have now is accepted, and so is a row that is Absent:
// a removed remote must not prevent the Deacon from starting.
func (f File) Apply(table []Job) ([]Job, error) {
	rows := slices.Clone(table)
	var jobs []Job
	for i := range rows {
		if err := f.change(rows[i].Name, &rows[i]); err != nil {
			return nil, err
		}
		if rows[i].Absent {
			continue
		}
		for _, j := range rows[i].expand() {
			if j.row != "" {
				if err := f.change(j.Name, &j); err != nil {
					return nil, err
				}
			}
			jobs = append(jobs, j)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.jobs)) {
		row, key, keyed := strings.Cut(name, ":")
		known := slices.ContainsFunc(rows, func(j Job) bool {
			return j.Name == name || keyed && key != "" && j.Name == row && j.Keys != nil
		})
		if !known {
			return nil, fail(f.path, fmt.Errorf("line %d: there is no job %q; there are %s", f.jobs[name].line, town.Clip(name, 64), names(table)))
		}
	}
	return jobs, nil
}

// change applies an entry of the file to a row or a job.
func (f File) change(name string, j *Job) error {
	o, ok := f.jobs[name]
	if !ok {
		return nil
	}
	if err := o.apply(j); err != nil {
		return fail(f.path, fmt.Errorf("line %d: job %s: %w", o.line, name, err))
	}
	return nil
}

func names(jobs []Job) string {
	var all []string
	for _, j := range jobs {
		all = append(all, j.Name)
	}
	return strings.Join(all, ", ")
}

func (o override) apply(j *Job) (err error) {
	if o.Schedule != nil {
		if _, err := parse(*o.Schedule); err != nil {
			return fmt.Errorf("schedule %q: %w", town.Clip(*o.Schedule, 40), err)
		}
		j.Schedule, j.ScheduleKey = *o.Schedule, nil
	}
	if err := within("jitter", o.Jitter, 0, maxJitter, &j.Jitter); err != nil {
		return err
	}
	if err := within("deadline", o.Deadline, minDeadline, maxDeadline, &j.Deadline); err != nil {
		return err
	}
	if o.AtOnce != nil && j.row != "" {
		return fmt.Errorf("at_once counts all jobs of %s: set it there", j.row)
	}
	if err := count("at_once", o.AtOnce, &j.AtOnce); err != nil {
		return err
	}
	if o.Enabled != nil {
		j.Disabled = !*o.Enabled
	}
	return nil
}

func count(what string, n *int, to *int) error {
	if n == nil {
		return nil
	}
	if *n < 1 || *n > maxAtOnce {
		return fmt.Errorf("%s %d is not a number from 1 to %d", what, *n, maxAtOnce)
	}
	*to = *n
	return nil
}

func within(what string, text *string, low, high time.Duration, to *time.Duration) error {
	if text == nil {
		return nil
	}
	d, err := time.ParseDuration(*text)
	if err != nil || d < low || d > high {
		return fmt.Errorf("%s %q is not a duration from %s to %s", what, town.Clip(*text, 40), low, high)
	}
	*to = d
	return nil
}
