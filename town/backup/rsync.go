package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gastown/town"
	"gastown/town/process"
)

// Rsync is a Store in a directory of another machine, or of an rsync server, which must
// exist. rsync writes a file under another name, flushes it and renames it. ssh never
// asks: keys come from a person's agent and configuration.
type Rsync struct {
	// Target is HOST:PATH, USER@HOST:PATH or rsync://HOST/MODULE/PATH.
	Target string
	// Env is the environment of rsync and ssh.
	Env []string
	// Scratch is a directory for what is passed to rsync.
	Scratch string
	// Shell is the remote shell; "" is ssh.
	Shell string
}

// rsyncTarget matches targets: none begins with a dash, which would be an option.
var rsyncTarget = regexp.MustCompile(`^(rsync://[A-Za-z0-9_.@\[\]:-]+/.+|[A-Za-z0-9_.\[\]][A-Za-z0-9_.@\[\]-]*:/.+)$`)

const (
	// rsyncScheme begins the address of an rsync server.
	rsyncScheme = "rsync://"
	rsyncShell  = "ssh -oBatchMode=yes -oConnectTimeout=20"
	// rsyncIdle is how many seconds nothing may come.
	rsyncIdle = "--timeout=120"
	// rsyncGone is the exit code when some files were not there.
	rsyncGone = 23
	// maxRsyncText bounds what is shown of rsync's errors, in bytes.
	maxRsyncText = 500
)

// Encrypts implements Store.
func (r Rsync) Encrypts() bool { return false }

// run runs rsync. code is its exit code where it ended by itself.
func (r Rsync) run(ctx context.Context, args ...string) (out []byte, code int, err error) {
	shell := r.Shell
	if shell == "" {
		shell = rsyncShell
	}
	all := append([]string{"-s", "-e", shell, rsyncIdle}, args...)
	if strings.HasPrefix(r.Target, rsyncScheme) {
		all = append([]string{rsyncIdle}, args...)
	}
	cmd := process.Command(ctx, r.Env, "rsync", all...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = process.Run(ctx, cmd, process.Options{WithParent: true})
	if err == nil {
		return stdout.Bytes(), 0, nil
	}
	if ctx.Err() != nil {
		return nil, -1, ctx.Err()
	}
	var exit interface {
		error
		ExitCode() int
	}
	code = -1
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	said := town.Clip(town.Plain(strings.Join(strings.Fields(stderr.String()), " ")), maxRsyncText)
	return stdout.Bytes(), code, town.Fail("reach the backups at "+r.Target, "see that this works without asking: rsync "+r.Target+"/", "%s: %w", said, err)
}

// at is a path of the target, with a slash at its end.
func (r Rsync) at() string { return strings.TrimSuffix(r.Target, "/") + "/" }

// listLine matches a line of rsync --list-only: mode, size, date, time and name.
var listLine = regexp.MustCompile(`^-[rwxsStT-]{9}\s+([0-9,.]+) [0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8} (.+)$`)

// List implements Store.
func (r Rsync) List(ctx context.Context) (map[string]int64, error) {
	out, _, err := r.run(ctx, "-r", "--list-only", "--no-motd", "--no-human-readable", r.at())
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for line := range strings.Lines(string(out)) {
		found := listLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if found == nil || strings.HasPrefix(filepath.Base(found[2]), ".") {
			continue
		}
		size, err := strconv.ParseInt(strings.NewReplacer(",", "", ".", "").Replace(found[1]), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("list the backups at %s: %w", r.Target, err)
		}
		all[found[2]] = size
	}
	return all, nil
}

// names writes a list of keys to a file.
func (r Rsync) names(keys []string) (path string, remove func(), err error) {
	if err := os.MkdirAll(r.Scratch, 0o700); err != nil {
		return "", nil, err
	}
	f, err := os.CreateTemp(r.Scratch, "names-*")
	if err != nil {
		return "", nil, err
	}
	_, err = f.WriteString(strings.Join(keys, "\x00"))
	return f.Name(), func() { _ = os.Remove(f.Name()) }, errors.Join(err, f.Close())
}

// Get implements Store.
func (r Rsync) Get(ctx context.Context, keys []string, dir string) error {
	if len(keys) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	names, remove, err := r.names(keys)
	if err != nil {
		return err
	}
	defer remove()
	_, code, err := r.run(ctx, "--from0", "--files-from="+names, "--chmod=F600,D700", "-p", "--no-links", r.at(), dir+"/")
	for _, key := range keys {
		info, serr := os.Lstat(filepath.Join(dir, filepath.FromSlash(key)))
		if (err == nil || code == rsyncGone) && (serr != nil || !info.Mode().IsRegular()) {
			return fmt.Errorf("%s at %s: %w", key, r.Target, fs.ErrNotExist)
		}
	}
	return err
}

// Put implements Store. Files that points share go in one run, and each of the others in
// one of its own, after them.
func (r Rsync) Put(ctx context.Context, dir string, keys []string) error {
	var parts [][]string
	for _, key := range keys {
		if len(parts) > 0 && shared(strings.TrimSuffix(key, sealedExt)) && shared(strings.TrimSuffix(parts[len(parts)-1][0], sealedExt)) {
			parts[len(parts)-1] = append(parts[len(parts)-1], key)
			continue
		}
		parts = append(parts, []string{key})
	}
	for _, part := range parts {
		names, remove, err := r.names(part)
		if err != nil {
			return err
		}
		_, _, err = r.run(ctx, "--from0", "--files-from="+names, "--ignore-times", "--fsync", "--chmod=F600,D700", "-p", dir+"/", r.at())
		remove()
		if err != nil {
			return err
		}
	}
	return nil
}

// Remove implements Store. rsync compares the target with an empty directory and removes
// the files that its rules include.
func (r Rsync) Remove(ctx context.Context, keys []string) (err error) {
	if len(keys) == 0 {
		return nil
	}
	if err := os.MkdirAll(r.Scratch, 0o700); err != nil {
		return err
	}
	empty, err := os.MkdirTemp(r.Scratch, "empty-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(empty)) }()
	var rules []string
	for _, key := range keys {
		if strings.ContainsAny(key, "*?[\\\n") {
			return fmt.Errorf("remove %s at %s: %w: it is not a key", key, r.Target, town.ErrRefused)
		}
		dir := ""
		for _, part := range strings.Split(filepath.ToSlash(filepath.Dir(filepath.FromSlash(key))), "/") {
			if part == "." {
				continue
			}
			dir += "/" + part
			rules = append(rules, dir+"/")
		}
		if err := os.MkdirAll(filepath.Join(empty, filepath.FromSlash(dir)), 0o700); err != nil {
			return err
		}
		rules = append(rules, "/"+key)
	}
	slices.Sort(rules)
	names, remove, err := r.names(slices.Compact(rules))
	if err != nil {
		return err
	}
	defer remove()
	_, _, err = r.run(ctx, "-r", "--delete", "--from0", "--include-from="+names, "--exclude=*", empty+"/", r.at())
	return err
}
