package deacon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/deacon/control"
	"gastown/planes/ledger"
	"gastown/town/layout"
	"gastown/town/lockfile"
)

// What a cleaner removes is put back within seconds, and what is connected stays
// connected.
func TestRemovedFilesArePutBack(t *testing.T) {
	t.Parallel()
	p := found(t)
	r := p.mustStart()
	if _, err := r.client.Status(t.Context()); err != nil { // its connection stays open
		t.Fatal(err)
	}
	store, release, ok := r.Ledger(t.Context()) // as does this one
	if !ok {
		t.Fatal("the ledger is not open")
	}
	defer release()
	sockets := []string{p.layout.ControlSocket(), p.layout.SQLSocket()}
	locks := []string{p.layout.DeaconLock()}
	for _, plane := range []string{layout.Operational, layout.Ledger, layout.Federation} {
		locks = append(locks, p.layout.Data(plane)+".lock")
	}
	for _, path := range append(sockets, locks...) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range sockets {
		until(t, path+" is back", func() bool { info, err := os.Stat(path); return err == nil && info.Mode().Perm() == 0o600 })
	}
	for _, path := range locks {
		until(t, path+" is held again", func() bool { _, held, err := lockfile.Look(path); return held && err == nil })
	}
	fresh := control.NewClient(p.layout.ControlSocket())
	defer fresh.Close()
	for _, c := range []*control.Client{r.client, fresh} {
		if s, err := c.Status(t.Context()); err != nil || s.State != "running" {
			t.Errorf("%+v, %v", s, err)
		}
	}
	if _, err := store.Stats(t.Context()); err != nil {
		t.Error(err)
	}
	opts := p.database(nil, layout.Ledger)
	s, err := ledger.Open(t.Context(), opts, r.host.Config().Stores[layout.Ledger])
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	release()
	r.end()
}

// tree describes every file below a directory.
func tree(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			fmt.Fprintln(&all, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// removeInUse removes a directory in which somebody may write a file meanwhile.
func removeInUse(dir string) (err error) {
	for range 100 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
	}
	return err
}

// A Deacon whose directory, lock or planes are not its own any more ends within
// seconds, writes nothing into what is there now, and leaves it to another one.
func TestADisplacedDeaconEnds(t *testing.T) {
	t.Parallel()
	copied := func(from, to string) error { return os.CopyFS(to, os.DirFS(from)) }
	for name, displace := range map[string]func(*place) error{
		"replaced": func(p *place) error {
			return errors.Join(copied(founded.root+"/.gt", p.layout.Root+"/next"), os.Rename(p.layout.Private(), p.layout.Private()+".former"),
				os.Rename(p.layout.Root+"/next", p.layout.Private()))
		},
		"moved away": func(p *place) error { return os.Rename(p.layout.Private(), p.layout.Private()+".former") },
		"removed":    func(p *place) error { return removeInUse(p.layout.Private()) },
		"planes replaced": func(p *place) error {
			data := filepath.Dir(p.layout.Data("x"))
			return errors.Join(copied(founded.root+"/.gt/data", p.layout.Root+"/next"), os.Rename(data, data+".former"), os.Rename(p.layout.Root+"/next", data))
		},
		"a plane replaced": func(p *place) error {
			data := p.layout.Data(layout.Ledger)
			return errors.Join(copied(filepath.Join(founded.root, ".gt/data/ledger"), p.layout.Root+"/next"), os.Rename(data, data+".former"), os.Rename(p.layout.Root+"/next", data))
		},
		"lock replaced": func(p *place) error {
			return errors.Join(os.WriteFile(p.layout.Root+"/next", nil, 0o600), os.Rename(p.layout.Root+"/next", p.layout.DeaconLock()))
		},
		"town moved": func(p *place) error { return os.Rename(p.layout.Root, p.layout.Root+".moved") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := found(t)
			t.Cleanup(func() { _ = os.RemoveAll(p.layout.Root + ".moved") })
			r := p.mustStart()
			until(t, "the first figures are kept", func() bool {
				info, err := os.Stat(filepath.Join(p.layout.Series(), "wal", "00000000"))
				return err == nil && info.Size() > 0
			})
			if err := displace(p); err != nil {
				t.Fatal(err)
			}
			before := ""
			if name == "replaced" {
				before = tree(t, p.layout.Private())
			}
			select {
			case err := <-r.ended:
				if !errors.Is(err, errDisplaced) && !errors.Is(err, lockfile.ErrReplaced) {
					t.Errorf("it ended: %v", err)
				}
			case <-time.After(patience):
				t.Fatal("it runs on")
			}
			switch name {
			case "town moved", "moved away", "removed":
				if _, err := os.Lstat(p.layout.Private()); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("it made the former place anew:\n%s", tree(t, p.layout.Root))
				}
				return
			case "replaced":
				if after := tree(t, p.layout.Private()); after != before {
					for line := range strings.Lines(after) {
						if !strings.Contains(before, line) {
							t.Errorf("it changed what is there now: %s", line)
						}
					}
				}
			default:
				return
			}
			second := p.mustStart()
			if s, err := second.client.Status(t.Context()); err != nil || s.State != "running" {
				t.Errorf("%+v, %v", s, err)
			}
			second.end()
		})
	}
}
