package gitcmd

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"
)

// Refs are the values of the refs that match one of the prefixes, such as
// "refs/heads/". A tag that is an object stands for what it names.
func (s *Shared) Refs(ctx context.Context, prefixes ...string) (map[string]string, error) {
	refs := map[string]string{}
	c := command{op: "list the refs of " + s.repo.Dir, args: append([]string{"for-each-ref", "--format=%(objectname)%09%(*objectname)%09%(refname)"}, prefixes...)}
	err := s.stream(ctx, c, nil, bufio.ScanLines, func(line string) error {
		f := strings.SplitN(line, "\t", 3)
		if len(f) == 3 && IsID(f[0]) {
			refs[f[2]] = f[0]
			if f[1] != "" {
				refs[f[2]] = f[1]
			}
		}
		return nil
	})
	return refs, err
}

// Ahead are the refs that match one of the prefixes and lead to a commit that the target,
// a full ref, does not lead to, with their values. It fails without the target.
func (s *Shared) Ahead(ctx context.Context, target string, prefixes ...string) (map[string]string, error) {
	if err := checkFullRef(target); err != nil {
		return nil, err
	}
	refs := map[string]string{}
	c := command{op: "compare the branches of " + s.repo.Dir, args: append([]string{"for-each-ref", "--no-merged=" + target, "--format=%(objectname)%09%(refname)"}, prefixes...)}
	err := s.stream(ctx, c, nil, bufio.ScanLines, func(line string) error {
		if id, name, ok := strings.Cut(line, "\t"); ok && IsID(id) {
			refs[name] = id
		}
		return nil
	})
	return refs, err
}

// Resolve is the id of the commit that a full ref or an id names; "" for none.
func (s *Shared) Resolve(ctx context.Context, revision string) (string, error) {
	if revision == "" || strings.HasPrefix(revision, "-") {
		return "", nil
	}
	return Place{GitDir: s.repo.Dir, opts: s.repo.opts}.Resolve(ctx, revision)
}

// Commits are the ids of the commits that full refs or ids name, in their order; "" for
// each that names none. It starts one process.
func (s *Shared) Commits(ctx context.Context, revisions ...string) ([]string, error) {
	ids := make([]string, len(revisions))
	var input strings.Builder
	for _, revision := range revisions {
		if strings.ContainsAny(revision, "\n\x00") {
			return nil, fail("look up "+clean(revision)+" in "+s.repo.Dir, ErrNotFound, "not a name of a commit", nil)
		}
		input.WriteString(revision + "^{commit}\n")
	}
	if len(revisions) == 0 {
		return ids, nil
	}
	at := 0
	c := command{op: "look up commits in " + s.repo.Dir, args: []string{"cat-file", "--batch-check=%(objectname)"}, env: []string{"GIT_NO_LAZY_FETCH=1"}}
	err := s.stream(ctx, c, strings.NewReader(input.String()), bufio.ScanLines, func(line string) error {
		if at < len(ids) && IsID(line) {
			ids[at] = line
		}
		at++
		return nil
	})
	return ids, err
}

// TreeOf is the id of a commit's tree.
func (s *Shared) TreeOf(ctx context.Context, commit string) (string, error) {
	c := command{op: "look at the commit " + commit + " of " + s.repo.Dir, args: []string{"rev-parse", "--verify", "--end-of-options", commit + "^{tree}"}}
	if !IsID(commit) {
		return "", fail(c.op, ErrNotFound, "not an id", nil)
	}
	out, err := s.repo.run(ctx, c)
	id := strings.TrimSpace(out.stdout)
	if err == nil && !IsID(id) {
		err = fail(c.op, nil, "git's answer is not understood", nil)
	}
	return id, err
}

// SetRef gives a ref a value if it has the old one; "" for none. An empty value
// removes it.
func (s *Shared) SetRef(ctx context.Context, ref, value, old string) error {
	if err := checkFullRef(ref); err != nil {
		return err
	}
	zero := strings.Repeat("0", 40)
	args := []string{"update-ref", "--no-deref", "--create-reflog", "-m", "gt", ref, value, old}
	switch {
	case value == "":
		args = []string{"update-ref", "--no-deref", "-d", ref, old}
	case old == "":
		args[len(args)-1] = zero
	}
	_, err := s.repo.run(ctx, command{op: "set " + ref + " of " + s.repo.Dir, args: args})
	return err
}

// ForceRef gives a ref a value, whatever it has.
func (s *Shared) ForceRef(ctx context.Context, ref, value string) error {
	if err := checkFullRef(ref); err != nil {
		return err
	}
	_, err := s.repo.run(ctx, command{op: "set " + ref + " of " + s.repo.Dir, args: []string{"update-ref", "--no-deref", "--create-reflog", "-m", "gt", ref, value}})
	return err
}

// SetHead makes HEAD name a branch, which need not exist.
func (s *Shared) SetHead(ctx context.Context, branch string) error {
	if err := CheckBranch(branch); err != nil {
		return err
	}
	_, err := s.repo.run(ctx, command{op: "set HEAD of " + s.repo.Dir, args: []string{"symbolic-ref", "HEAD", "refs/heads/" + branch}})
	return err
}

// Contains reports whether a commit is an ancestor of another, or the same.
func (s *Shared) Contains(ctx context.Context, descendant, commit string) (bool, error) {
	if !IsID(descendant) || !IsID(commit) {
		return false, nil
	}
	found, err := s.Unreached(ctx, []string{commit}, []string{descendant}, 1)
	return err == nil && len(found) == 0, err
}

// Fork is the newest commit that two commits both lead to; "" if there is none. It is
// the first of them when the second leads to it.
func (s *Shared) Fork(ctx context.Context, one, other string) (string, error) {
	c := command{op: "look for what two commits of " + s.repo.Dir + " share", args: []string{"rev-parse", one + "..." + other}}
	if !IsID(one) || !IsID(other) {
		return "", fail(c.op, ErrNotFound, "not an id", nil)
	}
	out, err := s.repo.run(ctx, c)
	for line := range strings.Lines(out.stdout) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "^"); ok && err == nil && IsID(id) {
			return id, nil
		}
	}
	return "", err
}

// LostCommit is a commit that is not reached.
type LostCommit struct {
	ID      string   `json:"id"`
	Parents []string `json:"-"`
	// Subject is the first line of its message, hostile text.
	Subject string `json:"subject"`
}

// Unreached are the commits that tips lead to and saved do not, at most so many (0
// for all), newest first.
func (s *Shared) Unreached(ctx context.Context, tips, saved []string, most int) ([]LostCommit, error) {
	var input bytes.Buffer
	for _, id := range tips {
		fmt.Fprintln(&input, id)
	}
	for _, id := range saved {
		fmt.Fprintln(&input, "^"+id)
	}
	args := []string{"rev-list", "--no-commit-header", "--format=%H%x09%P%x09%s%x00"}
	if most > 0 {
		args = append(args, fmt.Sprintf("--max-count=%d", most))
	}
	var found []LostCommit
	if len(tips) == 0 {
		return nil, nil
	}
	c := command{op: "look for unsaved commits in " + s.repo.Dir, args: append(args, "--stdin")}
	err := s.stream(ctx, c, &input, splitNUL, func(entry string) error {
		f := strings.SplitN(strings.TrimLeft(entry, "\n"), "\t", 3)
		if len(f) == 3 && IsID(f[0]) {
			found = append(found, LostCommit{ID: f[0], Parents: strings.Fields(f[1]), Subject: clean(f[2])})
		}
		return nil
	})
	return found, err
}

// Missing reports whether commits or trees lead to any object that saved commits do
// not lead to.
func (s *Shared) Missing(ctx context.Context, objects, saved []string) (bool, error) {
	var input bytes.Buffer
	for _, id := range objects {
		fmt.Fprintln(&input, id)
	}
	for _, id := range saved {
		fmt.Fprintln(&input, "^"+id)
	}
	some := false
	c := command{op: "look for unsaved objects in " + s.repo.Dir, args: []string{"rev-list", "--objects", "--no-object-names", "--stdin"}}
	err := s.stream(ctx, c, &input, bufio.ScanLines, func(string) error { some = true; return nil })
	return some, err
}

// Types says what each of these ids is here; an id that is missing is left out.
func (s *Shared) Types(ctx context.Context, ids []string) (map[string]string, error) {
	types := map[string]string{}
	if len(ids) == 0 {
		return types, nil
	}
	c := command{op: "look for objects in " + s.repo.Dir, args: []string{"cat-file", "--batch-check=%(objectname) %(objecttype)"}, env: []string{"GIT_NO_LAZY_FETCH=1"}}
	err := s.stream(ctx, c, strings.NewReader(strings.Join(ids, "\n")+"\n"), bufio.ScanLines, func(line string) error {
		if id, kind, _ := strings.Cut(line, " "); IsID(id) && kind != "missing" {
			types[id] = kind
		}
		return nil
	})
	return types, err
}

// WriteCommit stores a commit object.
func (s *Shared) WriteCommit(ctx context.Context, n NewCommit) (string, error) {
	c := command{op: "write a commit in " + s.repo.Dir, args: []string{"hash-object", "-t", "commit", "-w", "--stdin"}}
	var id string
	err := s.stream(ctx, c, strings.NewReader(n.text()), bufio.ScanLines, func(line string) error { id = line; return nil })
	if err == nil && !IsID(id) {
		err = fail(c.op, nil, "git's answer is not understood", nil)
	}
	return id, err
}
