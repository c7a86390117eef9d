package backup

import (
	"context"
	"path/filepath"
	"regexp"
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
	// Secrets are for S3.Secrets.
	Secrets func(ctx context.Context, names []string) (map[string]string, error)
}

// otherScheme matches a URL that rsync would take for a path on a host with the name of the
// scheme.
var otherScheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// directory is the path of a destination that is a directory of this machine.
func (w Where) directory() (string, bool) {
	path, isURL := strings.CutPrefix(w.URL, "file://")
	if isURL {
		path = strings.TrimPrefix(path, "localhost")
	}
	return filepath.Clean(path), filepath.IsAbs(path)
}

// Check reports whether a destination can be opened, as far as its address tells. It fails
// with town.ErrUsage or town.ErrRefused.
func (w Where) Check() error {
	if _, ok := w.directory(); ok {
		return nil
	}
	if repository, isGit := strings.CutPrefix(w.URL, gitPrefix); isGit {
		return gitcmd.CheckURL(repository)
	}
	if strings.HasPrefix(w.URL, s3Scheme) {
		_, err := parseS3(w.URL)
		return err
	}
	if rsyncTarget.MatchString(w.URL) && (strings.HasPrefix(w.URL, rsyncScheme) || !otherScheme.MatchString(w.URL)) {
		return nil
	}
	return town.Fail("use the destination "+town.Clip(gitcmd.Redact(w.URL), 200), "gt config backup.to /mnt/backups",
		"%w: it is not an absolute path, HOST:/PATH, rsync://HOST/MODULE/PATH, git+URL or s3://BUCKET/PREFIX", town.ErrUsage)
}

// Secret is a secret that a destination uses.
type Secret struct {
	Name string
	// When says when it is needed; "" for always.
	When string
}

// Secrets are those that a destination uses.
func (w Where) Secrets() []Secret {
	if strings.HasPrefix(w.URL, s3Scheme) {
		return []Secret{{Name: SecretKeyID}, {Name: SecretKey}, {Name: SecretSession, When: "temporary keys only"}}
	}
	return nil
}

// Within reports whether a destination is a directory of this machine at or below dir, and
// which it is: "." for dir itself. Links count as what they name.
func (w Where) Within(dir string) (rel string, within bool) {
	path, ok := w.directory()
	if !ok {
		return "", false
	}
	rel, err := filepath.Rel(followed(dir), followed(path))
	return rel, err == nil && filepath.IsLocal(rel)
}

// followed is a path without links, as far as it exists.
func followed(path string) string {
	if there, err := filepath.EvalSymlinks(path); err == nil {
		return there
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(followed(parent), filepath.Base(path))
	}
	return path
}

// Open returns the store of a destination: a directory by its absolute path, a place that
// rsync reaches, a Git repository, or a bucket.
func (w Where) Open(m Means) (Destination, error) {
	d := Destination{Name: w.Name, Where: w.URL}
	if err := w.Check(); err != nil {
		return d, err
	}
	path, isDirectory := w.directory()
	repository, isGit := strings.CutPrefix(w.URL, gitPrefix)
	switch {
	case isDirectory:
		d.Store = Directory{Dir: path, Mount: true}
	case isGit:
		d.Store = Git{URL: repository, Ref: gitRef, Dir: filepath.Join(m.GitDir, w.Name), Options: m.Git, Wait: m.Wait, Now: m.Now}
	case strings.HasPrefix(w.URL, s3Scheme):
		place, err := parseS3(w.URL)
		if err != nil {
			return d, err
		}
		d.Store, d.Where = &S3{S3Place: place, Secrets: m.Secrets}, place.String()
	default:
		d.Store = Rsync{Target: w.URL, Env: m.Env, Scratch: m.Scratch}
	}
	if m.Key != nil {
		d.Store = Sealed{d.Store, m.Key}
	}
	return d, nil
}
