package gitcmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"gastown/town"
)

// Importer writes blobs and commits into the private repository through one
// process, which starts with the first request. One goroutine uses it. Nothing is
// certain to be on the disk before Close returns nil.
type Importer struct {
	repo *Repo
	ctx  context.Context
	proc *running
	in   *os.File
	out  *os.File
	w    *bufio.Writer
	r    *bufio.Reader
	mark int

	closed bool
	err    error
}

// CommitSpec describes one commit. Its tree holds Entries and nothing else.
type CommitSpec struct {
	// Ref of the private repository that will name the commit.
	Ref string
	// Parent is the parent commit, which must have been there before this
	// Importer; "" makes a commit without history.
	Parent      string
	AuthorName  string
	AuthorEmail string
	When        time.Time
	Message     string
	// Entries name existing objects. Names are paths of letters, digits and
	// "._-" with forward slashes.
	Entries []Entry
}

// Import returns an Importer. ctx governs the whole of its life.
func (r *Repo) Import(ctx context.Context) *Importer { return &Importer{repo: r, ctx: ctx} }

const writeOp = "write to the object cache"

func (i *Importer) start() error {
	if i.proc != nil || i.err != nil {
		return i.err
	}
	inR, inW, err := os.Pipe()
	if err != nil {
		return err
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return errors.Join(err, inR.Close(), inW.Close())
	}
	i.proc, err = i.repo.start(i.ctx, command{op: writeOp,
		args: []string{"fast-import", "--quiet", "--done", "--force", "--date-format=raw", "--depth=0"}}, inR, outW)
	inR.Close()
	outW.Close()
	if err != nil {
		inW.Close()
		outR.Close()
		i.err = err
		return err
	}
	i.in, i.out = inW, outR
	i.w, i.r = bufio.NewWriterSize(inW, 128<<10), bufio.NewReader(outR)
	return nil
}

// Blob stores exactly size bytes of content and returns the blob's id.
func (i *Importer) Blob(size int64, content io.Reader) (string, error) {
	if err := i.start(); err != nil {
		return "", err
	}
	i.mark++
	fmt.Fprintf(i.w, "blob\nmark :%d\ndata %d\n", i.mark, size)
	src := &source{r: content}
	if n, err := io.CopyN(i.w, src, size); err != nil {
		if src.err == nil {
			return "", i.broken(err)
		}
		i.Discard()
		if errors.Is(src.err, io.EOF) {
			src.err = fmt.Errorf("the file has %d bytes where %d were announced", n, size)
		}
		i.err = failHere(writeOp, src.err)
		return "", i.err
	}
	fmt.Fprintf(i.w, "\nget-mark :%d\n", i.mark)
	return i.id()
}

// Commit stores a commit and its trees and returns the commit's id.
func (i *Importer) Commit(s CommitSpec) (string, error) {
	if err := CheckRef(s.Ref); err != nil {
		return "", err
	}
	if s.Parent != "" && !IsID(s.Parent) {
		return "", fmt.Errorf("parent %q is not an object id", town.Clip(s.Parent, 64))
	}
	for _, e := range s.Entries {
		if !pathChars.MatchString(e.Name) || !IsID(e.ID) || (e.Mode != ModeFile && e.Mode != ModeTree) {
			return "", fmt.Errorf("entry %q of the new tree is not acceptable", clean(e.Name))
		}
	}
	if err := i.start(); err != nil {
		return "", err
	}
	i.mark++
	fmt.Fprintf(i.w, "commit %s\nmark :%d\ncommitter %s <%s> %d +0000\ndata %d\n%s\n",
		s.Ref, i.mark, person(s.AuthorName, "gt"), person(s.AuthorEmail, "gt@localhost"), max(0, s.When.Unix()), len(s.Message), s.Message)
	if s.Parent != "" {
		fmt.Fprintf(i.w, "from %s\n", s.Parent)
	}
	fmt.Fprint(i.w, "deleteall\n")
	for _, e := range s.Entries {
		mode := e.Mode
		if mode == ModeTree {
			mode = "040000"
		}
		fmt.Fprintf(i.w, "M %s %s %s\n", mode, e.ID, e.Name)
	}
	fmt.Fprintf(i.w, "\nget-mark :%d\n", i.mark)
	return i.id()
}

// Subtree returns the id of a directory in a commit made by this Importer.
func (i *Importer) Subtree(commit, name string) (string, error) {
	if !IsID(commit) || !pathChars.MatchString(name) {
		return "", fmt.Errorf("look up %q: not acceptable", clean(name))
	}
	if err := i.start(); err != nil {
		return "", err
	}
	fmt.Fprintf(i.w, "ls %s %s\n", commit, name)
	line, err := i.answer()
	if err != nil {
		return "", err
	}
	f := strings.Fields(line)
	if len(f) != 4 || f[1] != TypeTree || !IsID(f[2]) {
		return "", i.broken(fmt.Errorf("%s is not a directory of the new tree", name))
	}
	return f[2], nil
}

// source remembers the error of a reader, to tell it from an error of the pipe.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if err != nil {
		s.err = err
	}
	return n, err
}

func (i *Importer) answer() (string, error) {
	if err := i.w.Flush(); err != nil {
		return "", i.broken(err)
	}
	line, err := i.r.ReadString('\n')
	if err != nil {
		return "", i.broken(err)
	}
	return strings.TrimSuffix(line, "\n"), nil
}

func (i *Importer) id() (string, error) {
	line, err := i.answer()
	if err == nil && !IsID(line) {
		err = i.broken(errors.New("git's answer is not understood"))
	}
	return line, err
}

func (i *Importer) broken(err error) error {
	i.closed = true
	i.in.Close()
	i.out.Close()
	if werr := i.proc.wait(); werr != nil && (i.proc.stderr.text() != "" || i.ctx.Err() != nil) {
		err = werr
	} else {
		err = failHere(writeOp, err)
	}
	i.err = err
	return err
}

// Close completes the import: after nil, objects and refs are on disk.
func (i *Importer) Close() error {
	if i.proc == nil || i.err != nil || i.closed {
		return i.err
	}
	i.closed = true
	_, err := i.w.WriteString("done\n")
	err = errors.Join(err, i.w.Flush(), i.in.Close())
	i.out.Close()
	i.err = errors.Join(i.proc.wait(), err)
	return i.err
}

// Discard ends an import whose result is not wanted. After Close it does nothing.
func (i *Importer) Discard() {
	if i.proc == nil || i.closed {
		return
	}
	i.closed = true
	if i.err == nil {
		i.err = context.Canceled
	}
	i.in.Close()
	i.out.Close()
	i.proc.stop()
}

// person makes a name or address that fits a commit header.
func person(s, otherwise string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '<' || r == '>' {
			return -1
		}
		return r
	}, clean(s)))
	if s == "" {
		return otherwise
	}
	return town.Clip(s, 100)
}
