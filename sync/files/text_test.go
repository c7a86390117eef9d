package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gastown/town"
)

// Scan holds no more bytes of texts than it may. Text reads the others again, as long as
// the file is still what was reported.
func TestTextsBeyondTheLimitAreReadAgain(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	texts := map[string]string{}
	for i := range 40 {
		path := fmt.Sprintf("templates/t%02d.txt", i)
		texts[path] = strings.Repeat(fmt.Sprintf("%02d", i), 50)
		path = fmt.Sprintf("roles/r%02d.md", i)
		texts[path] = "---\nname: " + path[6:9] + "\ndescription: d\n---\n" + strings.Repeat("x", 80)
	}
	for path, text := range texts {
		write(path, text)
	}
	tree, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	tree.textBytes = 1050
	found, err := tree.Scan(t.Context(), NewIndex())
	if err != nil || len(found.Invalid) > 0 || len(found.Added) != len(texts) {
		t.Fatalf("%d added, %v, %v", len(found.Added), found.Invalid, err)
	}
	var kept int64
	var unread []Change
	for _, c := range found.Added {
		want := texts[c.Path()]
		if c.Size != int64(len(want)) || c.Content != town.ContentDigest(want) || c.Unread && c.Text != "" {
			t.Errorf("%s: %+v", c.Key, c)
		}
		if got, err := tree.Text(t.Context(), c); err != nil || got != want {
			t.Errorf("%s: %q, %v", c.Key, got, err)
		}
		if kept += int64(len(c.Text)); c.Unread {
			unread = append(unread, c)
		}
	}
	if kept > tree.textBytes || kept < tree.textBytes-200 || len(unread) == 0 {
		t.Fatalf("%d bytes are held, %d texts are not", kept, len(unread))
	}
	edited, removed := unread[0], unread[1]
	write(edited.Path(), texts[edited.Path()][:edited.Size-1]+"!")
	if err := os.Remove(filepath.Join(root, removed.Path())); err != nil {
		t.Fatal(err)
	}
	for _, c := range []Change{edited, removed} {
		if got, err := tree.Text(t.Context(), c); !errors.Is(err, ErrEdited) || got != "" {
			t.Errorf("%s was changed since: %q, %v", c.Key, got, err)
		}
	}
}

// Text reports a fault of the file as an edit, so that a caller can go on with other
// files. Every other error names the file.
func TestTextsThatAreNoDocumentsAnyMore(t *testing.T) {
	for what, change := range map[string]func(path string) error{
		"too large": func(path string) error { return os.Truncate(path, town.MaxDocumentBytes+1) },
		"no UTF-8":  func(path string) error { return os.WriteFile(path, []byte("\xff\xfe"), 0o600) },
		"a link": func(path string) error {
			return errors.Join(os.Rename(path, path+"~"), os.Symlink(path+"~", path))
		},
		"a directory": func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		},
		"in a directory that is a link": func(path string) error {
			dir := filepath.Dir(path)
			return errors.Join(os.Rename(dir, dir+"~"), os.Symlink(dir+"~", dir))
		},
		"in no directory": func(path string) error { return os.Rename(filepath.Dir(path), filepath.Dir(path)+"~") },
	} {
		tree, c, path := unread(t)
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if got, err := tree.Text(t.Context(), c); !errors.Is(err, ErrEdited) || got != "" || !strings.Contains(err.Error(), c.Path()) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
		found, err := tree.Scan(t.Context(), NewIndex())
		if err != nil || len(found.Added) > 0 || (len(found.Invalid) == 0) != (what == "in no directory") {
			t.Errorf("%s: a scan finds %+v, %v", what, found, err)
		}
	}
	tree, c, path := unread(t)
	writer, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if _, err := tree.Text(t.Context(), c); !errors.Is(err, town.ErrBusy) || errors.Is(err, ErrEdited) || !strings.Contains(err.Error(), c.Path()) {
		t.Errorf("somebody writes: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tree.Text(ctx, c); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), c.Path()) {
		t.Errorf("cancelled: %v", err)
	}
}

// unread returns a change whose text Scan does not hold, and the path of its file.
func unread(t *testing.T) (*Tree, Change, string) {
	t.Helper()
	tree := newTree(t)
	path := filepath.Join(tree.path, "templates", "large.txt")
	if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("a text"), 0o600)); err != nil {
		t.Fatal(err)
	}
	tree.textBytes = 0
	found, err := tree.Scan(t.Context(), NewIndex())
	if err != nil || len(found.Added) != 1 || !found.Added[0].Unread {
		t.Fatalf("%+v, %v", found, err)
	}
	return tree, found.Added[0], path
}
