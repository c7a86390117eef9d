package schedule

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"gastown/town"
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
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return File{path: path}, nil
	}
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("larger than %d bytes", maxFile)
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
	var doc struct {
		Jobs map[string]yaml.Node `yaml:"jobs"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document")
	}
	jobs := map[string]override{}
	for name, node := range doc.Jobs {
		o := override{line: node.Line}
		// Decoding a node knows no strictness, so the names are checked here.
		if node.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: job %s: schedule, jitter, deadline or enabled is expected", node.Line, town.Clip(name, 64))
		}
		for i := 0; i < len(node.Content); i += 2 {
			if key := node.Content[i]; !slices.Contains([]string{"schedule", "jitter", "deadline", "enabled"}, key.Value) {
				return nil, fmt.Errorf("line %d: job %s has no setting %q", key.Line, town.Clip(name, 64), town.Clip(key.Value, 64))
			}
		}
		if err := node.Decode(&o); err != nil {
			return nil, err
		}
		jobs[name] = o
	}
	return jobs, nil
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
