package backup

import (
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gastown/sync/gitcmd"
	"gastown/town"
)

// maxDestinations bounds how many destinations a Town has.
const maxDestinations = 16

// Where is a destination as it is configured.
type Where struct{ Name, URL string }

// ParseDestinations reads a list of destinations, separated by spaces: each a place, or
// NAME=PLACE. One without a name is called by its number.
func ParseDestinations(text string) (all []Where, err error) {
	seen := map[string]bool{}
	for i, word := range strings.Fields(text) {
		w := Where{Name: strconv.Itoa(i + 1), URL: word}
		if name, url, ok := strings.Cut(word, "="); ok && plainName(name) {
			w = Where{name, url}
		}
		if w.URL == "" || seen[w.Name] || i == maxDestinations {
			return nil, town.Fail("read backup.to", "gt config backup.to disk=/mnt/backups",
				"%w: at most %d places, each with a name of its own: %s", town.ErrUsage, maxDestinations, town.Clip(word, 80))
		}
		seen[w.Name] = true
		all = append(all, w)
	}
	return all, nil
}

// gitPrefix begins the address of a Git repository, and gitRef is the ref in it.
const (
	gitPrefix = "git+"
	gitRef    = "refs/gt/backups/main"
)

// Means are what destinations need.
type Means struct {
	// Env is the environment of programs, and Scratch a directory for what they are given.
	Env     []string
	Scratch string
	// Git are git's options, and GitDir is for copies of repositories.
	Git    gitcmd.Options
	GitDir string
	Wait   time.Duration
	Now    func() time.Time
	// Key encrypts what is written; nil for no encryption.
	Key *Key
}

// Open returns the store of a destination: a directory by its absolute path, a place that
// rsync reaches, or a Git repository.
func (w Where) Open(m Means) (Destination, error) {
	d := Destination{Name: w.Name, Where: w.URL}
	path, _ := strings.CutPrefix(w.URL, "file://")
	repository, isGit := strings.CutPrefix(w.URL, gitPrefix)
	switch {
	case filepath.IsAbs(path):
		d.Store = Directory{Dir: filepath.Clean(path), Mount: true}
	case isGit:
		if err := gitcmd.CheckURL(repository); err != nil {
			return d, err
		}
		d.Store = Git{URL: repository, Ref: gitRef, Dir: filepath.Join(m.GitDir, w.Name), Options: m.Git, Wait: m.Wait, Now: m.Now}
	case rsyncTarget.MatchString(w.URL):
		d.Store = Rsync{Target: w.URL, Env: m.Env, Scratch: m.Scratch}
	default:
		return d, town.Fail("use the destination "+town.Clip(w.URL, 200), "gt config backup.to /mnt/backups",
			"%w: it is not an absolute path, HOST:PATH, rsync://HOST/MODULE/PATH or git+URL", town.ErrUsage)
	}
	if m.Key != nil {
		d.Store = Sealed{d.Store, m.Key}
	}
	return d, nil
}
