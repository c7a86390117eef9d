package gitcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

// FetchSpec names what to fetch and where to put it.
type FetchSpec struct {
	URL string
	// Ref is the ref at the remote. Into is the ref of the private repository that
	// gets its value, whatever it had before.
	Ref, Into string
	// Second and SecondInto are likewise for a second ref, which is fetched over
	// the same connection if the remote has it; "" for none.
	Second, SecondInto string
	// Below and BelowInto are prefixes of refs, ending in "/"; "" for none. Every
	// ref below Below at the remote comes over the same connection and gets its
	// name below BelowInto. What is no longer there goes here too.
	Below, BelowInto string
}

// FetchResult is the outcome of a fetch that reached the remote.
type FetchResult struct {
	// ID is what Ref names at the remote; "" if Missing.
	ID string
	// Missing: the repository is there, the ref is not. Into is unchanged, and
	// the second ref was not asked for.
	Missing bool
	// SecondID is what Second names at the remote; "" if it is not there.
	SecondID string
	// Below are the refs below FetchSpec.Below and their values.
	Below map[string]string
	// Bytes received, as far as git tells.
	Bytes int64
}

// Fetch brings one ref and its objects from the remote, over one connection
// and with one process. Objects are checked by git as they arrive.
func (r *Repo) Fetch(ctx context.Context, s FetchSpec) (FetchResult, error) {
	op := "fetch from " + clean(s.URL)
	c, err := r.network(op, s.URL, s.Ref, s.Into)
	if err != nil {
		return FetchResult{}, err
	}
	c.remote = true
	c.args = []string{"fetch", "--progress", "--force", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
		"--no-recurse-submodules"}
	if local(s.URL) {
		c.args = append(c.args, "--upload-pack=git -c pack.compression=0 upload-pack")
	}
	c.args = append(c.args, "--end-of-options", s.URL, "+"+s.Ref+":"+s.Into)
	if s.Second != "" {
		second, err := r.prepareSecond(s)
		if err != nil {
			return FetchResult{}, err
		}
		c.args = append(c.args, second)
	}
	if s.Below != "" {
		if err := errors.Join(CheckRef(s.Below+"x"), CheckRef(s.BelowInto+"x")); err != nil {
			return FetchResult{}, err
		}
		c.args = slices.Insert(c.args, 1, "--prune")
		c.args = append(c.args, "+"+s.Below+"*:"+s.BelowInto+"*")
	}
	out, err := r.run(ctx, c)
	if err != nil {
		for line := range strings.Lines(out.stderr.text()) {
			if strings.HasPrefix(strings.ToLower(line), "fatal: couldn't find remote ref") {
				if out.stderr.cutShort() {
					return FetchResult{}, fail(op, ErrBroken, "the server's answer is not complete", nil)
				}
				return FetchResult{Missing: true}, nil
			}
		}
		// A refused pack stays behind under a temporary name.
		if r.cutShort() {
			err = fail(op, ErrTooLarge, fmt.Sprintf("the remote sends more than %d bytes", r.opts.MaxBytes), nil)
		}
		if serr := r.sweep(); serr != nil {
			err = fmt.Errorf("%w (and %w)", err, serr)
		}
		return FetchResult{}, err
	}
	id, err := r.Ref(s.Into)
	if err != nil {
		return FetchResult{}, err
	}
	n, _ := out.stderr.transferred()
	res := FetchResult{ID: id, Bytes: n}
	if s.Second != "" {
		if res.SecondID, err = r.takeSecond(s); err != nil {
			return res, err
		}
	}
	if s.Below != "" {
		into, err := r.RefsBelow(s.BelowInto)
		if err != nil {
			return res, err
		}
		res.Below = map[string]string{}
		for ref, id := range into {
			res.Below[s.Below+strings.TrimPrefix(ref, s.BelowInto)] = id
		}
	}
	return res, nil
}

// cutShort reports whether the limit on the size of files ended a pack. Git itself
// only notices that its child is gone.
func (r *Repo) cutShort() bool {
	packs, err := filepath.Glob(filepath.Join(r.Dir, "objects", "pack", "tmp_pack_*"))
	if err != nil || r.opts.MaxBytes <= 0 {
		return false
	}
	for _, p := range packs {
		if info, err := os.Stat(p); err == nil && info.Size() >= r.opts.MaxBytes {
			return true
		}
	}
	return false
}

// Listing is what a remote says it has.
type Listing struct {
	// Heads are the branches, sorted, as full ref names. Empty means that the
	// stock dolt command would call the repository empty.
	Heads []string
	// IDs are the values of those refs asked for that exist.
	IDs map[string]string
}

// LsRemote asks a remote for its branches and some other refs. It costs a
// connection, so it is for first contact only.
func (r *Repo) LsRemote(ctx context.Context, rawURL string, refs ...string) (Listing, error) {
	c, err := r.network("ask for the refs of "+clean(rawURL), rawURL, refs...)
	if err != nil {
		return Listing{}, err
	}
	c.remote = true
	c.args = []string{"ls-remote", "--quiet", "--end-of-options", rawURL, "refs/heads/*"}
	c.args = append(c.args, refs...)
	out, err := r.run(ctx, c)
	if err == nil && out.stderr.cutShort() {
		err = fail(c.op, ErrBroken, "the server's answer is not complete", nil)
	}
	if err != nil {
		return Listing{}, err
	}
	l := Listing{IDs: map[string]string{}}
	for line := range strings.Lines(out.stdout) {
		id, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok || !IsID(id) {
			continue
		}
		if slices.Contains(refs, name) {
			l.IDs[name] = id
		}
		if strings.HasPrefix(name, "refs/heads/") {
			l.Heads = append(l.Heads, clean(name))
		}
	}
	sort.Strings(l.Heads)
	return l, nil
}

// Address is the URL that git would use for a URL: a person's configuration may
// replace it (url.BASE.insteadOf). It makes no connection. Fetch, Push and
// LsRemote go to exactly the URL they are given. So a caller that shows an
// address to a person before it is used resolves it here, once, and uses the
// result.
func (r *Repo) Address(ctx context.Context, rawURL string) (string, error) {
	if err := CheckURL(rawURL); err != nil {
		return "", err
	}
	op := "ask git where " + clean(rawURL) + " is"
	out, err := r.run(ctx, command{op: op, args: []string{"ls-remote", "--get-url", "--end-of-options", rawURL}})
	if err != nil {
		return "", err
	}
	address := strings.TrimRight(out.stdout, "\n")
	if err := CheckURL(address); err != nil {
		return "", town.Fail(op, "correct url.*.insteadOf in git's configuration, or name the repository by another URL", "it is at %s: %w",
			clean(address), err)
	}
	return address, nil
}

// pinned is configuration that makes git go to exactly this address. Git follows
// the rule of url.BASE.insteadOf and pushInsteadOf with the longest prefix, and no
// prefix is longer than the whole address. Redirects of a server are not followed
// either: what a push sends is for the address that a person was shown.
func pinned(address string) [][2]string {
	stay := [][2]string{{"url." + address + ".insteadOf", address}, {"url." + address + ".pushInsteadOf", address},
		{"http.followRedirects", "false"}}
	if m := scheme.FindStringSubmatch(address); m != nil && strings.HasPrefix(strings.ToLower(m[1]), "http") {
		// A setting for a part of the address would outrank the general one.
		stay = append(stay, [2]string{"http." + address + ".followRedirects", "false"})
	}
	return stay
}

// withDotGit adds .git to an HTTP address: some hosts serve a repository only
// there, and redirect to it. It returns "" when the address ends in .git already
// or names no repository.
func withDotGit(address string) string {
	bare := strings.TrimRight(address, "/")
	m := scheme.FindStringSubmatch(address)
	if m == nil || !strings.HasPrefix(strings.ToLower(m[1]), "http") || strings.HasSuffix(bare, ".git") ||
		!strings.Contains(strings.TrimPrefix(bare, m[0]), "/") {
		return ""
	}
	return clean(bare) + ".git"
}

// network prepares a command that talks to a remote.
func (r *Repo) network(op, rawURL string, refs ...string) (command, error) {
	if err := CheckURL(rawURL); err != nil {
		return command{}, err
	}
	for _, ref := range refs {
		if err := CheckRef(ref); err != nil {
			return command{}, err
		}
	}
	idle := strconv.Itoa(max(1, int(r.opts.Idle/time.Second)))
	c := command{op: op, net: true, connects: !local(rawURL), dotGit: withDotGit(rawURL), config: [][2]string{{"http.lowSpeedLimit", "1"}, {"http.lowSpeedTime", idle}}}
	c.config = append(c.config, pinned(rawURL)...)
	if r.opts.TokenEnv != "" {
		t, withheld, err := tokenConfig(rawURL, r.opts.TokenEnv, r.opts.TokenHost, r.opts.TokenUser)
		if err != nil {
			return command{}, err
		}
		c.config = append(c.config, t...)
		if withheld {
			c.withheld = r.opts.TokenEnv
		}
	}
	return c, nil
}
