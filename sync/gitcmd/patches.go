package gitcmd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// maxPatches is how many commits are looked at for those that make the same change, and
// maxPaths how many files are named to git.
const maxPatches, maxPaths = 2000, 500

// patchOptions make git print the same patch for the same change, whatever a person
// configured. Binary files are told apart by their content.
var patchOptions = []string{"diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color",
	"--unified=3", "--inter-hunk-context=0", "--diff-algorithm=myers", "--no-indent-heuristic", "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=none"}

// Applied finds the commit that brought the change of a head to tip: one that makes the
// whole change of the head since base, as a squash does, or else the newest of those that
// make the changes of its commits, as a rebase does. since ends the search; "" for none.
// It returns "" when the change, or a part of it, is not found.
func (s *Shared) Applied(ctx context.Context, base, head, since, tip string) (string, error) {
	op := "look for a change in " + s.repo.Dir
	for _, id := range []string{base, head, tip} {
		if !IsID(id) {
			return "", fail(op, ErrNotFound, "not an id", nil)
		}
	}
	whole, err := s.patches(ctx, op, nil, base, head)
	if err != nil || len(whole) == 0 {
		return "", err
	}
	parts, err := s.commits(ctx, op, nil, head, base)
	if err != nil {
		return "", err
	}
	paths, err := s.changed(ctx, op, base, head)
	if err != nil {
		return "", err
	}
	ends := []string{head}
	if since != "" {
		ends = append(ends, since)
	}
	theirs, err := s.commits(ctx, op, paths, tip, ends...)
	if err != nil || len(theirs) == 0 {
		return "", err
	}
	all, err := s.patches(ctx, op, slices.Concat(theirs, parts))
	if err != nil {
		return "", err
	}
	at := map[string]int{} // the newest commit of theirs that makes a change
	for i := len(theirs) - 1; i >= 0; i-- {
		if p := all[theirs[i]]; p != "" {
			at[p] = i
		}
	}
	if i, ok := at[whole[""]]; ok {
		return theirs[i], nil
	}
	newest := len(theirs)
	for _, c := range parts {
		if all[c] == "" {
			continue // it changes nothing
		}
		i, ok := at[all[c]]
		if !ok {
			return "", nil
		}
		newest = min(newest, i)
	}
	if newest == len(theirs) {
		return "", nil
	}
	return theirs[newest], nil
}

// commits lists those that lead to a tip and not to others, without merges, newest
// first: those that change one of the paths, if there are some.
func (s *Shared) commits(ctx context.Context, op string, paths []string, tip string, not ...string) (ids []string, err error) {
	c := command{op: op, args: []string{"--literal-pathspecs", "rev-list", "--no-merges", fmt.Sprintf("--max-count=%d", maxPatches), tip}}
	for _, id := range not {
		c.args = append(c.args, "^"+id)
	}
	c.args = append(append(c.args, "--"), paths...)
	err = s.stream(ctx, c, nil, bufio.ScanLines, func(line string) error {
		if IsID(line) {
			ids = append(ids, line)
		}
		return nil
	})
	return ids, err
}

// changed names the files in which two commits differ; none when they are too many.
func (s *Shared) changed(ctx context.Context, op, from, to string) (paths []string, err error) {
	c := command{op: op, args: []string{"diff-tree", "-r", "-z", "--name-only", "--no-renames", from, to}}
	err = s.stream(ctx, c, nil, splitNUL, func(path string) error { paths = append(paths, path); return nil })
	if len(paths) > maxPaths {
		paths = nil
	}
	return paths, err
}

// patches digests the change of each commit, or else that between two trees, which
// stands under "". A commit that changes nothing has no entry. Numbers of lines and names
// of blobs do not count. Whitespace does.
func (s *Shared) patches(ctx context.Context, op string, commits []string, trees ...string) (map[string]string, error) {
	c := command{op: op, args: append(slices.Clone(patchOptions), "--stdin")}
	if len(trees) > 0 {
		c.args = append(slices.Clone(patchOptions), trees...)
	}
	found := map[string]string{}
	var sum hash.Hash
	var of string
	end := func() {
		if sum != nil {
			found[of] = hex.EncodeToString(sum.Sum(nil))
		}
		sum = nil
	}
	inHunk, last := false, ""
	err := s.stream(ctx, c, strings.NewReader(strings.Join(commits, "\n")+"\n"), splitLF, func(line string) error {
		before := last
		last = line
		switch {
		// A line of a hunk begins with a sign, and a binary patch ends with an empty line.
		case IsID(line) && (sum == nil || inHunk || before == "") && slices.Contains(commits, line):
			end()
			of, inHunk = line, false
			return nil
		case strings.HasPrefix(line, "diff --git "):
			inHunk = false
		case strings.HasPrefix(line, "@@ "):
			inHunk, line = true, "@@"
		case !inHunk && strings.HasPrefix(line, "index "):
			return nil
		}
		if sum == nil {
			sum = sha256.New()
		}
		fmt.Fprintf(sum, "%d:%s", len(line), line)
		return nil
	})
	end()
	if errors.Is(err, ErrTooLarge) {
		return nil, nil // a line of a mebibyte: it is not looked for
	}
	return found, err
}

// splitLF splits at line feeds and nothing else.
func splitLF(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
