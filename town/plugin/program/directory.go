package program

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gastown/town"
	"gastown/town/plugin"
	"gastown/town/secrets"
	"gastown/town/strict"
)

// The files of a plugin that is a directory, as the public Gas Town has them.
const (
	Manual = "plugin.md"
	Script = "run.sh"
)

const (
	// maxFile and maxFiles bound a directory that is read.
	maxFile  = 1 << 20
	maxFiles = 100
)

// Front is the front matter of a plugin.md: TOML between two lines of +++.
type Front struct {
	Name        string `toml:"name"`
	Description string `toml:"description"`
	Version     int    `toml:"version"`
	Gate        struct {
		Type     string `toml:"type"`
		Duration string `toml:"duration"`
		Schedule string `toml:"schedule"`
		Check    string `toml:"check"`
		On       string `toml:"on"`
	} `toml:"gate"`
	Tracking struct {
		Labels []string `toml:"labels"`
		Digest bool     `toml:"digest"`
	} `toml:"tracking"`
	Execution struct {
		Type            string   `toml:"type"`
		Timeout         string   `toml:"timeout"`
		NotifyOnFailure bool     `toml:"notify_on_failure"`
		Severity        string   `toml:"severity"`
		Wrapper         []string `toml:"wrapper"`
	} `toml:"execution"`
}

// ParseFront reads the front matter of a plugin.md.
func ParseFront(text []byte) (f Front, err error) {
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(bytes.TrimPrefix(text, []byte("\ufeff")), "\r\n"), []byte("+++"))
	head, _, closed := bytes.Cut(rest, []byte("\n+++"))
	if !ok || !closed {
		return f, errors.New("it does not begin with front matter between two lines of +++")
	}
	if err := strict.TOML(head, &f); err != nil {
		return f, err
	}
	if f.Name == "" {
		return f, errors.New("its front matter has no name")
	}
	return f, town.CheckHandle("plugin", f.Name)
}

// When is the schedule that the gate says; "" for a plugin that runs when a person says
// so.
func (f Front) When() (string, error) {
	switch f.Gate.Type {
	case "", "manual":
		return "", nil
	case "cooldown":
		return plugin.Every("gate.duration", f.Gate.Duration)
	case "cron":
		return plugin.Cron("gate.schedule", f.Gate.Schedule)
	}
	return "", fmt.Errorf("its gate %q is not supported: use cooldown, cron or manual", town.Clip(f.Gate.Type, 40))
}

// Within is how long the plugin says that it may run; 0 when it does not say.
func (f Front) Within() (time.Duration, error) {
	if f.Execution.Timeout == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(f.Execution.Timeout)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("its timeout %q is not a duration", town.Clip(f.Execution.Timeout, 40))
	}
	return d, nil
}

// Bundle is a directory with a plugin.md and a run.sh.
type Bundle struct {
	Front
	// Files are its regular files, by path. Digest is that of all of them.
	Files  map[string][]byte
	Digest string
}

// versions is the name at the top of a directory that is of no plugin: where git keeps its
// own files, which change without a change of the plugin's.
const versions = ".git"

// ReadBundle reads and checks a directory. All files count, hidden ones too, because a script
// can run them; only .git at the top does not.
func ReadBundle(dir string) (Bundle, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		switch {
		case err != nil:
			return err
		case rel == versions && d.IsDir():
			return fs.SkipDir
		case rel == versions: // the file of a worktree
			return nil
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%s is not a regular file", town.Clip(rel, 80))
		case len(files) == maxFiles:
			return fmt.Errorf("there are more than %d files", maxFiles)
		}
		files[rel], err = strict.ReadFile(path, maxFile)
		return err
	})
	if err != nil {
		return Bundle{}, err
	}
	return NewBundle(files)
}

// NewBundle checks the files of a bundle.
func NewBundle(files map[string][]byte) (b Bundle, err error) {
	b.Files = files
	for _, need := range []string{Manual, Script} {
		if _, ok := files[need]; !ok {
			return b, fmt.Errorf("there is no %s", need)
		}
	}
	if b.Front, err = ParseFront(files[Manual]); err != nil {
		return b, fmt.Errorf("%s: %w", Manual, err)
	}
	if t := b.Execution.Type; t != "" && t != "script" {
		return b, fmt.Errorf("%s: its execution type %q is not supported: use script", Manual, town.Clip(t, 40))
	}
	_, err = b.When()
	if err == nil {
		_, err = b.Within()
	}
	if err != nil {
		return b, fmt.Errorf("%s: %w", Manual, err)
	}
	b.Digest = digest(files)
	return b, nil
}

// FromDocument makes a bundle of one text: a plugin.md that has run.sh in a block of code
// that begins with ```bash run.sh or ```sh run.sh.
func FromDocument(text []byte) (Bundle, error) {
	fence := []byte("```")
	var script []byte
	found, within := false, false
	for line := range bytes.Lines(text) {
		mark := bytes.TrimRight(line, " \r\n")
		switch {
		case within && bytes.Equal(mark, fence):
			within = false
		case within:
			script = append(script, line...)
		case bytes.Equal(mark, []byte("```bash "+Script)), bytes.Equal(mark, []byte("```sh "+Script)):
			if found {
				return Bundle{}, fmt.Errorf("there are two blocks of %s", Script)
			}
			found, within = true, true
		}
	}
	if !found || within {
		return Bundle{}, fmt.Errorf("there is no block of code ```bash %s", Script)
	}
	return NewBundle(map[string][]byte{Manual: text, Script: script})
}

// digest is that of names and contents.
func digest(files map[string][]byte) string {
	var names []string
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, n := range names {
		fmt.Fprintf(sum, "%d %d\n%s\n%s\n", len(n), len(files[n]), n, files[n])
	}
	return fmt.Sprintf("sha256:%x", sum.Sum(nil))
}

// fromDirectory takes command and schedule from a bundle.
func (p *program) fromDirectory(s settings) error {
	if !filepath.IsLocal(s.Directory) {
		return plugin.Faultf("directory", "%q is not a path inside the Town", town.Clip(s.Directory, 80))
	}
	p.dir = filepath.Join(p.runner.Town, s.Directory)
	b, err := ReadBundle(p.dir)
	if errors.Is(err, os.ErrNotExist) {
		return plugin.Faultf("directory", "there is no %s in the Town", town.Clip(s.Directory, 80))
	}
	if err != nil {
		return plugin.Faultf("directory", "%s: %v", town.Clip(s.Directory, 80), err)
	}
	if s.Digest == "" {
		return plugin.Faultf("digest", "it is missing: gt plugin enable %s shows the files and writes it", p.name)
	}
	for name, value := range s.Settings {
		text, ok := value.(string)
		if !ok || !secrets.IsName(name) {
			return plugin.Faultf("settings."+name, "the settings of a directory are variables: NAME: \"text\"")
		}
		p.env = append(p.env, name+"="+text)
	}
	p.argv = []string{"bash", Script}
	if p.schedule, err = b.When(); err != nil {
		return err
	}
	return p.unchanged()
}

// unchanged refuses a directory that is not the one that a person enabled.
func (p *program) unchanged() error {
	if p.of.Directory == "" {
		return nil
	}
	b, err := ReadBundle(p.dir)
	if err != nil {
		return err
	}
	if b.Digest != p.of.Digest {
		return fmt.Errorf("its files are not those that were enabled: look at them in %s, then gt plugin enable %s", p.of.Directory, p.name)
	}
	return nil
}
