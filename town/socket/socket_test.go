package socket

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"gastown/town"
)

// place is a path that is short enough for a socket.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gts")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "a.sock")
}

// echo accepts connections until the listener is closed, and repeats what they say.
func echo(t *testing.T, l *Listener) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 1)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					if _, err := c.Write(b); err != nil {
						return
					}
				}
			}()
		}
	}()
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener ended: %v", err)
		}
	})
}

func dial(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	say(t, c)
	return c
}

func say(t *testing.T, c net.Conn) {
	t.Helper()
	b := []byte{'x'}
	if _, err := c.Write(b); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(b); err != nil {
		t.Error(err)
	}
}

// A file that was removed or replaced is put back, and connections go on.
func TestRenew(t *testing.T) {
	path := place(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	echo(t, l)
	first := dial(t, path)
	if renewed, err := l.Renew(); renewed || err != nil {
		t.Errorf("its own file was replaced: %v, %v", renewed, err)
	}
	for name, disturb := range map[string]func() error{
		"removed": func() error { return os.Remove(path) },
		"replaced": func() error {
			other, err := net.ListenUnix("unix", &net.UnixAddr{Name: path + ".other"})
			if err != nil {
				return err
			}
			other.SetUnlinkOnClose(false)
			return errors.Join(os.Rename(path+".other", path), other.Close())
		},
	} {
		if err := disturb(); err != nil {
			t.Fatal(err)
		}
		if renewed, err := l.Renew(); !renewed || err != nil {
			t.Errorf("%s: %v, %v", name, renewed, err)
		}
		dial(t, path)
		say(t, first)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	// What is not a socket is not removed.
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Renew(); !errors.Is(err, town.ErrRefused) {
		t.Error(err)
	}
	say(t, first)
}

// The file of another listener stays when this one is closed.
func TestCloseRemovesItsOwnFile(t *testing.T) {
	path := place(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if renewed, err := l.Renew(); renewed || err != nil {
		t.Errorf("a closed listener was renewed: %v", err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its own file is still there: %v", err)
	}
}
