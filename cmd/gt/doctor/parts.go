package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/sync/gitcmd"
	"gastown/town"
)

const (
	// leftoverAge is the age from which a temporary file counts as left behind: no
	// process takes that long to write one.
	leftoverAge = time.Hour
	// maxShown bounds how many findings of one kind are listed.
	maxShown = 5
)

// parts finds missing parts of what gt install makes.
func (d *doctor) parts(ctx context.Context) (found []finding, err error) {
	h, t := d.host, d.layout
	var missing []string
	for _, plane := range host.Planes {
		if h.Database(plane).External == nil && !exists(t.Data(plane)) {
			missing = append(missing, "the "+plane+" plane ("+t.Data(plane)+")")
		}
	}
	for _, path := range []string{t.Access(), t.Files(), t.Index()} {
		if !exists(path) {
			missing = append(missing, path)
		}
	}
	for _, what := range missing {
		found = append(found, finding{Severity: problem, What: what + " is missing",
			Why: "gt cannot work without it; if it is on a disk that is not there now, or in a backup, bring that back first",
			Fix: "makes it anew, as gt install does: a plane begins empty, files stay as they are", repair: d.complete})
	}
	for _, dir := range []string{filepath.Dir(t.Lock("x")), filepath.Join(t.Private(), "remotes")} {
		if info, err := os.Stat(dir); err == nil && !info.IsDir() {
			found = append(found, finding{Severity: problem, What: dir + " is not a directory", Why: "gt keeps files in it",
				Next: "move it elsewhere; gt makes the directory"})
		}
	}
	if _, err := os.Lstat(t.Joining()); err == nil {
		found = append(found, finding{Severity: warning, What: "a join was interrupted, or is under way",
			Why: "until it is known which store is in place the Town works with either", Next: "gt federation status, which finds out"})
	}
	if host.Exposed(t) {
		place, _ := t.GitPlace()
		found = append(found, finding{Severity: warning, What: t.Private() + " lies in the work tree of a Git repository",
			Why: "git clean -xdf would delete the Town's databases", Fix: "moves it to " + place + ", and leaves a link in its place; stop the Deacon first",
			repair: func(context.Context) error {
				_, err := host.Shelter(t, "gt doctor")
				if err == nil {
					_, err = host.IgnorePrivate(t)
				}
				return err
			}})
	}
	p, err := gitcmd.Locate(ctx, t.Root, host.Git(d.call))
	if err != nil || p.Top == "" {
		return found, nil // not in a repository, or one that is examined under hooks
	}
	commit, err := host.FirstCommit(ctx, t, d.call)
	if err != nil {
		return found, err
	}
	// What git ignores, a person does not want there.
	if wanted, err := p.Tracked(ctx, t.Config()); commit != "" && err == nil && wanted {
		found = append(found, finding{Severity: warning, What: "config/ and federation/ are not in the Git repository " + p.Top + " yet",
			Why: "git clean -xdf would remove them", Next: commit})
	}
	tracked, err := p.Tracked(ctx, t.Private())
	if err != nil {
		return found, err
	}
	if tracked {
		found = append(found, finding{Severity: warning, What: t.Private() + " is not ignored by the Git repository " + p.Top,
			Why: "a commit of everything would publish the Town's databases, and a checkout could put old ones in their place",
			Fix: "adds /.gt to .gitignore", repair: func(context.Context) error { _, err := host.IgnorePrivate(t); return err }})
	}
	return found, nil
}

// complete makes everything that is missing. Several findings of one run share it;
// after the first call it does nothing.
func (d *doctor) complete(ctx context.Context) error {
	_, err := d.host.Complete(ctx)
	return err
}

// leftover matches the names of temporary files: a dot, the name of the target, and
// a number.
var leftover = regexp.MustCompile(`^\.(town\.yaml|access\.yaml|trust\.json|sharing\.yaml|rigs\.yaml|index|instance|keys|joining|reviews|forgotten|report\.json|sync\.json|notify\.secret|notify\.newest|\.gitignore)[0-9]+$`)

// leftoverDir matches the directories in which a former version wrote a Town's first key.
var leftoverDir = regexp.MustCompile(`^\.keys-[0-9]+$`)

// temporary reports whether a process writes under that name.
func temporary(e os.DirEntry) bool {
	return e.Type().IsRegular() && leftover.MatchString(e.Name()) || e.IsDir() && leftoverDir.MatchString(e.Name())
}

// leftovers finds temporary files that killed processes left behind.
func (d *doctor) leftovers(context.Context) (found []finding, err error) {
	t := d.layout
	remotes := filepath.Join(t.Private(), "remotes")
	dirs := []string{t.Root, filepath.Dir(t.Config()), t.Private()}
	if entries, err := os.ReadDir(remotes); err == nil {
		for _, e := range entries {
			dirs = append(dirs, filepath.Join(remotes, e.Name()))
		}
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // examined under permissions and layout
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || !temporary(e) || d.call.Now().Sub(info.ModTime()) < leftoverAge {
				continue
			}
			path := filepath.Join(dir, e.Name())
			found = append(found, finding{Severity: warning, What: path + " was left by a process that was killed while it wrote",
				Why: "it takes space; the file it was for is whole, the old version or the new one", Fix: "removes what was left",
				repair: func(context.Context) error { return os.RemoveAll(path) }})
		}
	}
	if aside := t.Data(host.Staging); exists(aside) {
		found = append(found, finding{Severity: warning, What: aside + " was left by an interrupted installation, or one is under way",
			Why: "it takes space; no plane is used from there", Fix: "removes it, while no installation can be under way",
			repair: func(context.Context) error { return os.RemoveAll(aside) }})
	}
	if retired, err := os.ReadDir(t.Retired()); err == nil && len(retired) > 0 {
		found = append(found, finding{Severity: note, What: fmt.Sprintf("%s that another took the place of in %s", term.Plural(len(retired), "store is kept", "stores are kept"), t.Retired()),
			Why: "they hold a former state of the Town or of what it shared; gt never reads them again"})
	}
	return append(found, d.exchanges()...), nil
}

// exchanges finds databases of exchanged records that nothing reads any more.
func (d *doctor) exchanges() (found []finding) {
	former := d.layout.Exchange("") // an earlier version had one for all remotes here
	dir := filepath.Dir(former)
	if exists(filepath.Join(former, ".dolt")) {
		found = append(found, finding{Severity: note, What: former + " is of an earlier version: it holds records of all remotes together",
			Why: "gt never reads it again; the next pull brings what each remote has into a store of its own"})
	}
	entries, err := os.ReadDir(dir)
	if err != nil || d.host == nil {
		return found // examined under permissions, and with the configuration
	}
	for _, e := range entries {
		if _, ok := d.host.Config.Remote(e.Name()); !ok && e.IsDir() && exists(d.layout.Exchange(e.Name())) {
			found = append(found, finding{Severity: note, What: filepath.Join(dir, e.Name()) + " holds records exchanged with a remote that is not configured",
				Why: "nobody is shown them, until there is a remote of that name for the same repository again"})
		}
	}
	return found
}

// files compares the files with the rows, as gt federation status does.
func (d *doctor) files(ctx context.Context) (found []finding, err error) {
	status, err := d.engine.Status(ctx, nil)
	if errors.Is(err, town.ErrBusy) {
		return []finding{{Severity: note, What: "not compared with the plane: " + shell.Message(err)}}, nil
	}
	if err != nil {
		return nil, err
	}
	for i, f := range status.Invalid {
		if i == maxShown {
			break
		}
		found = append(found, finding{Severity: warning, What: shell.Message(f.Err), Why: "the file is left alone, and not shared, until it is corrected",
			Next: "edit " + filepath.Join(d.layout.Files(), f.Path)})
	}
	for i, key := range status.Changing {
		if i == maxShown {
			break
		}
		found = append(found, finding{Severity: note, What: "another program is writing " + key.Path(), Why: "it is recorded once that program has closed it"})
	}
	for i, f := range status.Rescued {
		if i == maxShown {
			break
		}
		found = append(found, finding{Severity: warning, What: "a text that lost its place was kept as " + f.Path,
			Why: "it may be somebody's edit", Next: "compare it with " + f.Key.Path() + ", then remove it"})
	}
	for i, f := range status.Dropped {
		if i == maxShown {
			break
		}
		found = append(found, finding{Severity: note, What: f.Path + ", left by a command that was killed, was removed",
			Why: "the history of " + f.Key.String() + " has its text"})
	}
	if n := len(status.Reviews); n > 0 {
		found = append(found, finding{Severity: note, What: term.Plural(n, "review awaits", "reviews await") + " a person", Next: "gt federation conflicts"})
	}
	return found, nil
}

// sharing compares the rules for sharing with the ledger.
func (d *doctor) sharing(ctx context.Context) (found []finding, err error) {
	warnings, err := d.engine.WarnShare(ctx)
	if errors.Is(err, town.ErrBusy) {
		return []finding{{Severity: note, What: "the rules are not compared with the ledger: " + shell.Message(err)}}, nil
	}
	for _, w := range warnings {
		found = append(found, finding{Severity: warning, What: w.String(), Why: "it may not be what was meant",
			Next: "gt federation share preview shows what leaves; gt federation share remove " + w.Rule + " takes the rule away"})
	}
	return found, err
}
