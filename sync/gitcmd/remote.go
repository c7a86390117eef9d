package gitcmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"gastown/town"
)

// FetchSpec names what to fetch and where to put it.
type FetchSpec struct {
	URL string
	// Ref is the ref at the remote; Into the ref of the private repository
	// that takes its value, whatever it was before.
	Ref, Into string
	// Also and AlsoInto name a second ref that comes along over the same
	// connection if the remote has it; "" for none.
	Also, AlsoInto string
}

// FetchResult is the outcome of a fetch that reached the remote.
type FetchResult struct {
	// ID is what Ref names at the remote; "" if Missing.
	ID string
	// Missing: the repository is there, the ref is not. Into is unchanged, and
	// the second ref was not asked for.
	Missing bool
	// AlsoID is what Also names at the remote; "" if it is not there.
	AlsoID string
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
	if s.Also != "" {
		also, err := r.prepareAlso(s)
		if err != nil {
			return FetchResult{}, err
		}
		c.args = append(c.args, also)
	}
	out, err := r.run(ctx, c)
	if err != nil {
		for line := range strings.Lines(out.stderr.text()) {
			if strings.HasPrefix(strings.ToLower(line), "fatal: couldn't find remote ref") {
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
	if s.Also != "" {
		res.AlsoID, err = r.takeAlso(s)
	}
	return res, err
}

// cutShort reports whether a pack was ended by the limit on files. git itself
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
	// ID is the value of the ref asked for; "" if it does not exist.
	ID string
}

// LsRemote asks a remote for its branches and one ref. It costs a connection,
// so it is for first contact only.
func (r *Repo) LsRemote(ctx context.Context, rawURL, ref string) (Listing, error) {
	c, err := r.network("ask "+clean(rawURL)+" for its refs", rawURL, ref)
	if err != nil {
		return Listing{}, err
	}
	c.remote = true
	c.args = []string{"ls-remote", "--quiet", "--end-of-options", rawURL, "refs/heads/*", ref}
	out, err := r.run(ctx, c)
	if err != nil {
		return Listing{}, err
	}
	var l Listing
	for line := range strings.Lines(out.stdout) {
		id, name, ok := strings.Cut(strings.TrimSpace(line), "\t")
		switch {
		case !ok || !IsID(id):
		case name == ref:
			l.ID = id
		case strings.HasPrefix(name, "refs/heads/"):
			l.Heads = append(l.Heads, clean(name))
		}
	}
	sort.Strings(l.Heads)
	return l, nil
}

// Address is where git would take a URL: a person's configuration may put
// another in its place (url.BASE.insteadOf). It makes no connection. Fetch, Push
// and LsRemote go to just the URL they are given, so whoever shows an address
// before it is used resolves it here, once, and uses the result.
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
		return "", town.Fail(op, "mend url.*.insteadOf in git's configuration, or name the repository by another URL", "it is at %s: %w",
			clean(address), err)
	}
	return address, nil
}

// pinned makes an address stand for itself. git takes the longest prefix that
// a rule of url.BASE.insteadOf or pushInsteadOf names, and none is longer than
// the whole: only a rule for just this address goes before. Nor does it go where
// a server points it, for what a push sends is for the address that was shown.
func pinned(address string) [][2]string {
	stay := [][2]string{{"url." + address + ".insteadOf", address}, {"url." + address + ".pushInsteadOf", address},
		{"http.followRedirects", "false"}}
	if m := scheme.FindStringSubmatch(address); m != nil && strings.HasPrefix(strings.ToLower(m[1]), "http") {
		// A setting for a part of the address would go before the general one.
		stay = append(stay, [2]string{"http." + address + ".followRedirects", "false"})
	}
	return stay
}

// withDotGit is an address over HTTP with the ending that some hosts serve a
// repository at, and redirect to; "" if it has it, or names no repository.
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
	c := command{op: op, net: true, dotGit: withDotGit(rawURL), config: [][2]string{{"http.lowSpeedLimit", "1"}, {"http.lowSpeedTime", idle}}}
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
