package schedule

import (
	"errors"
	"fmt"
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
	// Limits of what the file may say.
	minDeadline = time.Second
	maxDeadline = 24 * time.Hour
	maxJitter   = time.Hour
)

// File is what people change about the table.
type File struct {
	path string
	jobs map[string]override
}

// override is what a file says of one job; what it leaves out stays.
type override struct {
	Schedule *string `yaml:"schedule"`
	Jitter   *string `yaml:"jitter"`
	Deadline *string `yaml:"deadline"`
	Enabled  *bool   `yaml:"enabled"`
	line     int
}

// Load reads a schedule file. One that is not there changes nothing. Unknown
// fields and anything else that makes no sense are errors that name the line.
func Load(path string) (File, error) {
	data, err := strict.ReadFile(path, maxFile)
	if errors.Is(err, os.ErrNotExist) {
		return File{path: path}, nil
	}
	if err != nil {
		return File{}, fail(path, err)
	}
	jobs, err := decode(data)
	if err != nil {
		return File{}, fail(path, err)
	}
	return File{path: path, jobs: jobs}, nil
}

func fail(path string, err error) error {
	return town.Fail("read "+path, "correct the file; gt deacon status lists the jobs", "%w: %w", town.ErrUsage, err)
}

func decode(data []byte) (map[string]override, error) {
	doc, err := strict.Document(data)
	if errors.Is(err, strict.ErrEmpty) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var content struct {
		Jobs map[string]override `yaml:"jobs"`
	}
	if err := strict.YAML(data, &content); err != nil {
		return nil, err
	}
	for name, o := range content.Jobs {
		o.line = strict.Line(doc, "jobs", name)
		content.Jobs[name] = o
	}
	return content.Jobs, nil
}

// Apply returns the table as the file changes it. A job that is not in the
// table, or a value that it cannot have, is town.ErrUsage with the line.
func (f File) Apply(jobs []Job) ([]Job, error) {
	all := slices.Clone(jobs)
	for name, o := range f.jobs {
		i := slices.IndexFunc(all, func(j Job) bool { return j.Name == name })
		if i < 0 {
			return nil, fail(f.path, fmt.Errorf("line %d: there is no job %q; there are %s", o.line, town.Clip(name, 64), names(jobs)))
		}
		if err := o.apply(&all[i]); err != nil {
			return nil, fail(f.path, fmt.Errorf("line %d: job %s: %w", o.line, name, err))
		}
	}
	return all, nil
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
		j.Schedule = *o.Schedule
	}
	if err := within("jitter", o.Jitter, 0, maxJitter, &j.Jitter); err != nil {
		return err
	}
	if err := within("deadline", o.Deadline, minDeadline, maxDeadline, &j.Deadline); err != nil {
		return err
	}
	if o.Enabled != nil {
		j.Disabled = !*o.Enabled
	}
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
