package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gastown/e2e/script"
	"gastown/sync/gitcmd"
)

// stores are the ways to store files, each in an empty directory.
func stores(t *testing.T) map[string]func(t *testing.T, dir string) Store {
	key := filepath.Join(t.TempDir(), "key.txt")
	if _, err := MakeKey(key); err != nil {
		t.Fatal(err)
	}
	k, err := ReadKey(key)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]func(t *testing.T, dir string) Store{
		"directory": func(_ *testing.T, dir string) Store { return Directory{Dir: dir, Mount: true} },
		"link to a directory": func(t *testing.T, dir string) Store {
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(dir, link); err != nil {
				t.Fatal(err)
			}
			return Directory{Dir: link, Mount: true}
		},
		"encrypted directory": func(_ *testing.T, dir string) Store { return Sealed{Directory{Dir: dir}, k} },
	}
	git := func(t *testing.T, dir string) Store {
		bare := filepath.Join(t.TempDir(), "backups.git")
		if out, err := exec.CommandContext(t.Context(), "git", "init", "-q", "--bare", bare).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		d, err := Where{Name: "git", URL: "git+" + bare}.Open(Means{
			Git: gitcmd.Options{Env: os.Environ()}, GitDir: t.TempDir(), Wait: time.Minute, Now: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		return d.Store
	}
	all["git"] = git
	all["encrypted git"] = func(t *testing.T, dir string) Store { return Sealed{git(t, dir), k} }
	if _, err := exec.LookPath("rsync"); err == nil {
		all["rsync"] = func(t *testing.T, dir string) Store { return overRsync(t, dir) }
		all["encrypted rsync"] = func(t *testing.T, dir string) Store { return Sealed{overRsync(t, dir), k} }
	}
	if !testing.Short() { // it may have to build the server
		server := s3Server(t)
		overS3 := func(t *testing.T, dir string) Store {
			bucket := fmt.Sprintf("bucket-%d", buckets.Add(1))
			if err := server.Link(bucket, dir); err != nil {
				t.Fatal(err)
			}
			d, err := Where{Name: "s3", URL: "s3://" + bucket + "/town/one?endpoint=" + server.URL}.Open(Means{Secrets: s3Secrets})
			if err != nil {
				t.Fatal(err)
			}
			return d.Store
		}
		all["s3"] = overS3
		all["encrypted s3"] = func(t *testing.T, dir string) Store { return Sealed{overS3(t, dir), k} }
	}
	return all
}

// buckets numbers the buckets of stores.
var buckets atomic.Int64

// overRsync reaches a directory by rsync, with a remote shell that stays here.
func overRsync(t *testing.T, dir string) Store {
	t.Helper()
	shell := filepath.Join(t.TempDir(), "shell")
	if err := script.Write(shell, "#!/bin/sh\nshift\nexec \"$@\"\n"); err != nil {
		t.Fatal(err)
	}
	return Rsync{Target: "host:" + dir, Env: os.Environ(), Scratch: t.TempDir(), Shell: shell}
}

// Every Store keeps files as they were put, replaces them, and removes only what it is
// told to.
func TestStores(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			dest, from := t.TempDir(), t.TempDir()
			s := open(t, dest)
			write := func(key, text string) {
				t.Helper()
				path := filepath.Join(from, key)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			read := func(key string) string {
				t.Helper()
				dir := t.TempDir()
				if err := s.Get(t.Context(), []string{key}, dir); err != nil {
					t.Fatal(err)
				}
				text, err := os.ReadFile(filepath.Join(dir, key))
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			keys := func() (all []string) {
				t.Helper()
				sizes, err := s.List(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for key, size := range sizes {
					all = append(all, key)
					if want := int64(len(read(key))); !s.Encrypts() && size != want || s.Encrypts() && size < sealedSize(want) {
						t.Errorf("%s has %d bytes, List says %d", key, want, size)
					}
				}
				slices.Sort(all)
				return all
			}
			equal(t, keys())
			big := strings.Repeat("0123456789", 20_000)
			write("planes/ledger/a", "one")
			write("planes/ledger/b", big)
			write("points/p.json", "point")
			write("proofs/p/t", "")
			if err := s.Put(t.Context(), from, []string{"planes/ledger/a", "planes/ledger/b", "points/p.json", "proofs/p/t"}); err != nil {
				t.Fatal(err)
			}
			equal(t, keys(), "planes/ledger/a", "planes/ledger/b", "points/p.json", "proofs/p/t")
			if read("planes/ledger/a") != "one" || read("planes/ledger/b") != big {
				t.Error("a file is another one")
			}
			// A file of the same size and time is replaced as well.
			write("planes/ledger/a", "two")
			if err := s.Put(t.Context(), from, []string{"planes/ledger/a"}); err != nil {
				t.Fatal(err)
			}
			if got := read("planes/ledger/a"); got != "two" {
				t.Errorf("it is %q", got)
			}
			err := s.Get(t.Context(), []string{"planes/ledger/c"}, t.TempDir())
			if !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a missing file: %v", err)
			}
			if err := s.Remove(t.Context(), []string{"planes/ledger/a", "points/p.json", "planes/ledger/none", "proofs/p/t"}); err != nil {
				t.Fatal(err)
			}
			equal(t, keys(), "planes/ledger/b")
			if s.Encrypts() {
				err := filepath.WalkDir(dest, func(path string, e fs.DirEntry, err error) error {
					if err != nil || e.IsDir() {
						return err
					}
					text, err := os.ReadFile(path)
					if strings.Contains(string(text), "0123456789012345") {
						t.Errorf("%s can be read", path)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// Points are taken, proven, pruned and restored the same way wherever they are.
func TestPointsInEveryStore(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			if err := os.MkdirAll(h.dest, 0o700); err != nil {
				t.Fatal(err)
			}
			h.Destinations[0].Store = open(t, h.dest)
			first := h.take(Databases).Point
			h.put("second")
			second := h.take(Databases).Point
			if second.Added >= first.Added || second.Encrypted != h.to().Encrypts() {
				t.Errorf("%+v after %+v", second, first)
			}
			if again := h.take(Databases); !again.Unchanged {
				t.Error("a point of nothing new was taken")
			}
			if _, err := h.Verify(t.Context(), h.to(), second.Name, true); err != nil {
				t.Fatal(err)
			}
			h.restore(first.Name, "")
			equal(t, h.names("ledger"), "first")
			h.now = h.now.AddDate(1, 0, 0)
			if pruned, err := h.Prune(t.Context()); err != nil || len(pruned[0].Points) != 1 {
				t.Errorf("%+v, %v", pruned, err)
			}
			h.now = h.now.AddDate(0, 0, 1)
			if _, err := h.Prune(t.Context()); err != nil {
				t.Error(err)
			}
			h.restore("", "")
			equal(t, h.names("ledger"), "first", "second")
		})
	}
}

// An address says what it is before anything is written, and nothing but HOST:/PATH is given
// to ssh.
func TestDestinations(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]bool{
		"/mnt/disk": true, "file:///mnt/disk": true, "file://localhost/mnt/disk": true, "host:/srv/x": true, "me@host:/srv/x": true,
		"rsync://host/module/x": true, "git+/srv/x.git": true, "git+ssh://git@host/x.git": true, "s3://bucket/x?region=eu-central-1": true,
		"disk": false, "../disk": false, "file://disk": false, "host:disk": false, "~/disk": false, "": false, "git+x": false,
		"aws://[table:bucket]/x": false, "s3://bucket/x": false, "gs://bucket/x": false, "https://host/x": false, "ssh://host/x": false, "-x:/y": false,
	} {
		err := Where{Name: "x", URL: url}.Check()
		if (err == nil) != want {
			t.Errorf("%q: %v", url, err)
		}
		if _, oerr := (Where{Name: "x", URL: url}).Open(Means{}); (oerr == nil) != (err == nil) {
			t.Errorf("%q: Check says %v, Open %v", url, err, oerr)
		}
	}
	if _, err := (Directory{Dir: file, Mount: true}).List(t.Context()); err == nil {
		t.Error("a file was taken for an empty directory")
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: ".", link + "/a/b": "a/b", dir + "/../x": "", dir + "x": ""} {
		if rel, within := (Where{URL: path}).Within(dir); within != (want != "") || within && rel != want {
			t.Errorf("%s is %q of %s, %v", path, rel, dir, within)
		}
	}
}

// A file that was encrypted with another key is refused with the reason.
// What only the Town may know is in encrypted points, and in no others. A restore makes it
// where it is missing, and takes it from no point that anybody could have written.
func TestPrivateFilesAreOnlyInEncryptedPoints(t *testing.T) {
	h := newHarness(t)
	h.Private, h.Stays = []string{".gt/keys"}, []string{".gt/keys"}
	at := filepath.Join(h.Root, ".gt", "keys")
	if err := os.WriteFile(at, []byte("key one"), 0o600); err != nil {
		t.Fatal(err)
	}
	holds := func() (e Entry, has bool) {
		t.Helper()
		h.take(Files)
		list, err := h.List(t.Context(), h.to())
		if err != nil || len(list) == 0 {
			t.Fatal(list, err)
		}
		return list[0], slices.ContainsFunc(list[0].Point.Files, func(f File) bool { return f.Path == ".gt/keys" })
	}
	if _, has := holds(); has {
		t.Error("a point that is not encrypted has the key")
	}
	path := filepath.Join(h.root, "key")
	if _, err := MakeKey(path); err != nil {
		t.Fatal(err)
	}
	key, err := ReadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	open := Directory{Dir: filepath.Join(h.root, "sealed")}
	if err := os.Mkdir(open.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	h.Destinations[0].Store = Sealed{open, key}
	e, has := holds()
	if !has {
		t.Fatal("an encrypted point lacks the key")
	}
	want := func(text string) {
		t.Helper()
		if got, err := os.ReadFile(at); err != nil || string(got) != text {
			t.Errorf("the key is %q, %v", got, err)
		}
		if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
	if err := os.WriteFile(at, []byte("key two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.RestoreFiles(t.Context(), h.to(), e, false); err != nil {
		t.Fatal(err)
	}
	want("key two")
	if err := os.Remove(at); err != nil {
		t.Fatal(err)
	}
	if _, err := h.RestoreFiles(t.Context(), h.to(), e, false); err != nil {
		t.Fatal(err)
	}
	want("key one")
	if h.covers(Destination{Store: Directory{}}, ".gt/keys") {
		t.Error("a point that anybody could have written may hold a key")
	}
}

func TestAnotherKeyIsRefused(t *testing.T) {
	h := newHarness(t)
	keys := [2]*Key{}
	for i, name := range []string{"a", "b"} {
		path := filepath.Join(h.root, name)
		if _, err := MakeKey(path); err != nil {
			t.Fatal(err)
		}
		var err error
		if keys[i], err = ReadKey(path); err != nil {
			t.Fatal(err)
		}
	}
	h.Destinations[0].Store = Sealed{Directory{Dir: h.dest}, keys[0]}
	h.take(Databases)
	h.Destinations[0].Store = Sealed{Directory{Dir: h.dest}, keys[1]}
	if _, err := h.List(t.Context(), h.to()); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Error(err)
	}
	if err := os.Chmod(filepath.Join(h.root, "a"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKey(filepath.Join(h.root, "a")); err == nil {
		t.Error("a key that others can read was taken")
	}
	if _, err := MakeKey(filepath.Join(h.root, "b")); err == nil {
		t.Error("a key was overwritten")
	}
}
