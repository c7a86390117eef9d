package cli

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gastown/cmd/internal/shell"
)

// stream calls at before the first read or write.
type stream struct {
	io.Reader
	io.Writer
	at func()
}

func (s *stream) once() {
	if at := s.at; at != nil {
		s.at = nil
		at()
	}
}

func (s *stream) Read(p []byte) (int, error)  { s.once(); return s.Reader.Read(p) }
func (s *stream) Write(p []byte) (int, error) { s.once(); return s.Writer.Write(p) }

// A command that waits for a person or a pipe does not hold the ledger.
func TestNoCommandHoldsTheLedgerWhileItWaits(t *testing.T) {
	p := newPlace(t)
	id := p.id("one")
	export := p.must("export")
	for name, c := range map[string]struct {
		args   []string
		stream string
		code   int
	}{
		"import":     {[]string{"import", "-"}, "in", shell.ExitOK},
		"batch":      {[]string{"update", "--batch", "-"}, "in", shell.ExitFailed}, // the text is not a batch
		"delete":     {[]string{"delete", id}, "err", shell.ExitRefused},
		"list":       {[]string{"list", "-n", "0"}, "out", shell.ExitOK},
		"list json":  {[]string{"list", "-n", "0", "--json"}, "out", shell.ExitOK},
		"export":     {[]string{"export"}, "out", shell.ExitOK},
		"list fails": {[]string{"list", "--parent", "none"}, "err", shell.ExitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			hook := func() {
				asked = true
				if code, _, said := p.run("list", "--wait", "1ms"); code != shell.ExitOK {
					t.Errorf("another command: exit %d: %s", code, said)
				}
			}
			in, out, said := &stream{Reader: strings.NewReader(export)}, &stream{Writer: &bytes.Buffer{}}, &stream{Writer: &bytes.Buffer{}}
			map[string]*stream{"in": in, "out": out, "err": said}[c.stream].at = hook
			if code := p.with(in, out, said, c.args...); code != c.code {
				t.Errorf("exit %d, want %d: %v%v", code, c.code, out.Writer, said.Writer)
			}
			if !asked {
				t.Error("the stream was not used")
			}
		})
	}
	if after := p.must("export"); after != export {
		t.Errorf("was %s is %s", export, after)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// An exported file has the permissions that the caller's umask leaves, not those
// of a Town's private files.
func TestExportedFileHasTheCallersPermissions(t *testing.T) {
	p := newPlace(t)
	p.id("one")
	for umask, want := range map[fs.FileMode]fs.FileMode{0o022: 0o644, 0o007: 0o660} {
		var said bytes.Buffer
		name := fmt.Sprintf("%o.jsonl", umask)
		i := &shell.Invocation{
			Program: "bd", Args: []string{"export", "-o", name}, Dir: p.dir, Env: p.env, Stdin: strings.NewReader(""),
			Stdout: &said, Stderr: &said, Umask: umask, User: os.Getuid(), Now: time.Now,
		}
		if code := Program(i).Prepare().Run(t.Context()); code != shell.ExitOK {
			t.Fatalf("exit %d: %s", code, said.String())
		}
		info, err := os.Stat(filepath.Join(p.dir, name))
		if err != nil || info.Mode() != want || info.Size() == 0 {
			t.Errorf("umask %s: %v, %v", umask, info, err)
		}
	}
}
