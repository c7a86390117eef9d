package hooks

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gastown/sync/gitcmd"
)

const (
	// maxRefs is how many refs of one push are examined. A push of more counts as
	// a change.
	maxRefs = 1000
	// maxLine bounds, in bytes, a line of a hook's input.
	maxLine = 64 << 10
)

// Run is one run of a hook.
type Run struct {
	// Name is one of Watched; Args and Input are what git gave it.
	Name  string
	Args  []string
	Input io.Reader
	// Place is the repository.
	Place gitcmd.Place
	// Path is the watched directory, relative to the top of the working tree, with
	// forward slashes.
	Path string
}

// underWay are files that a git directory has during a rebase or bisect. The
// working tree then shows temporary states, which a sync would record as edits.
var underWay = []string{"rebase-merge", "rebase-apply", "BISECT_START"}

// Changed reports whether the operation changed the watched directory, and the
// reason for the answer. It asks git at most three times.
func Changed(ctx context.Context, e Run) (changed bool, reason string, err error) {
	for _, name := range underWay {
		if _, err := os.Lstat(filepath.Join(e.Place.GitDir, name)); err == nil {
			return false, "a rebase or bisect is under way", nil
		}
	}
	switch e.Name {
	case PostCommit:
		changed, err = e.since(ctx, "HEAD~1")
		if !changed && err == nil { // a commit may have been amended
			changed, err = e.sinceIfAny(ctx, "HEAD@{1}")
		}
	case PostMerge:
		if arg(e.Args, 0) == "1" {
			return true, "a squash merge does not tell what it changed", nil
		}
		changed, err = e.since(ctx, "ORIG_HEAD")
	case PostCheckout:
		if arg(e.Args, 2) != "1" {
			return false, "only files were checked out", nil
		}
		changed, err = e.differ(ctx, [][2]string{{commit(arg(e.Args, 0)), commit(arg(e.Args, 1))}})
	case PrePush:
		return e.pushed(ctx)
	default:
		return false, "", fmt.Errorf("%q is not a hook that watches a Town", e.Name)
	}
	reason = e.Path + " is as it was"
	if changed {
		reason = e.Path + " changed"
	}
	return changed, reason, err
}

// since compares HEAD with an earlier commit. A commit that does not exist counts as
// empty.
func (e Run) since(ctx context.Context, revision string) (bool, error) {
	before, err := e.Place.Resolve(ctx, revision)
	if err != nil {
		return false, err
	}
	now, err := e.Place.Resolve(ctx, "HEAD")
	if err != nil {
		return false, err
	}
	return e.differ(ctx, [][2]string{{before, now}})
}

// sinceIfAny is since, but reports no change when the earlier commit is unknown.
func (e Run) sinceIfAny(ctx context.Context, revision string) (bool, error) {
	before, err := e.Place.Resolve(ctx, revision)
	if err != nil || before == "" {
		return false, err
	}
	return e.since(ctx, revision)
}

// pushed reads a pre-push hook's lines: LOCAL-REF COMMIT REMOTE-REF COMMIT.
func (e Run) pushed(ctx context.Context) (bool, string, error) {
	var pairs [][2]string
	lines := bufio.NewScanner(e.Input)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) != 4 {
			return false, "", fmt.Errorf("a line of the push is not understood: %d words", len(f))
		}
		if now := commit(f[1]); now != "" { // else the ref is removed
			pairs = append(pairs, [2]string{commit(f[3]), now})
		}
		if len(pairs) > maxRefs {
			return true, "more refs are pushed than are looked at", nil
		}
	}
	if err := lines.Err(); err != nil {
		return false, "", err
	}
	changed, err := e.differ(ctx, pairs)
	if changed {
		return true, "commits that change " + e.Path + " are pushed", err
	}
	return false, "no commit that is pushed changes " + e.Path, err
}

// differ reports whether the watched directory differs in any of the pairs of
// commits.
func (e Run) differ(ctx context.Context, pairs [][2]string) (bool, error) {
	var ask [][2]string
	for _, p := range pairs {
		ask = append(ask, [2]string{p[0], e.Path}, [2]string{p[1], e.Path})
	}
	ids, err := e.Place.Objects(ctx, ask)
	if err != nil {
		return false, err
	}
	for i := 0; i+1 < len(ids); i += 2 {
		if ids[i] != ids[i+1] {
			return true, nil
		}
	}
	return false, nil
}

// commit is an object id; "" for the zeros by which git says that there is none.
func commit(id string) string {
	if !gitcmd.IsID(id) || strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}

func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// announced reports whether Towns are told of a ref.
func announced(ref string) bool {
	return slices.ContainsFunc(RefPrefixes, func(prefix string) bool { return strings.HasPrefix(ref, prefix) })
}

// Received reads the lines of a post-receive hook, OLD NEW REF, and returns the refs
// of which Towns are notified, at most maxNoted.
func Received(input io.Reader) (refs []string, err error) {
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) == 3 && announced(f[2]) && gitcmd.CheckRef(f[2]) == nil && len(refs) < maxNoted {
			refs = append(refs, f[2])
		}
	}
	return refs, lines.Err()
}
