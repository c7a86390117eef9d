package process

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpen(t *testing.T) {
	all, err := All()
	if err != nil || !slices.Contains(all, os.Getpid()) {
		t.Errorf("this process is not among %d (%v)", all, err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{} // by what the kernel calls them
	for _, name := range []string{"locked", "free", "removed"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		path := f.Name()
		switch name {
		case "locked":
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		case "removed":
			path += " (deleted)"
			err = os.Remove(f.Name())
		}
		if err != nil {
			t.Fatal(err)
		}
		files[path] = strconv.Itoa(int(f.Fd()))
	}
	socket, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	open, err := Open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for descriptor, file := range open {
		if files[file] == descriptor {
			delete(files, file)
		}
		if strings.HasPrefix(file, "socket:[") {
			sockets++
		}
		taker, held := Flocked(os.Getpid(), descriptor)
		if locked := file == filepath.Join(dir, "locked"); filepath.Dir(file) == dir && (held != locked || locked && taker != os.Getpid()) {
			t.Errorf("%s: held %t, by %d", file, held, taker)
		}
	}
	if len(files) > 0 || sockets == 0 {
		t.Errorf("%v are missing, %d sockets", files, sockets)
	}
	if _, err := Open(1 << 30); err == nil {
		t.Error("a process that is not there has something open")
	}
}
