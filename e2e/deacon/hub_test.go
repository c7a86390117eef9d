package deacon

import (
	"path/filepath"
	"testing"

	"gastown/e2e/gitserver"
)

// hub makes a bare repository in dir.
func hub(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name+".git")
	if err := gitserver.Bare(t.Context(), path, gitserver.BareOptions{}); err != nil {
		t.Fatal(err)
	}
	return path
}

// serve makes a server of a bare repository.
func serve(t *testing.T, repo string) *gitserver.Server {
	t.Helper()
	s, err := gitserver.HTTP(repo, gitserver.HTTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
