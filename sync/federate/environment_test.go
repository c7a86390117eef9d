package federate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gastown/e2e/script"
)

// Engines of one process run side by side, each with the environment of its own
// caller: git children see that one and no other.
func TestEnginesWithDifferentEnvironments(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	ssh := filepath.Join(dir, "ssh")
	// The "connection" runs here, and notes for whom it was made.
	text := "#!/bin/sh\nfor cmd; do :; done\necho \"$CALLER $PATH\" >>\"$CALLER_LOG\"\nexec sh -c \"$cmd\"\n"
	if err := script.Write(ssh, text); err != nil {
		t.Fatal(err)
	}
	const callers, syncs = 4, 3
	var all sync.WaitGroup
	for i := range callers {
		name := fmt.Sprint("caller", i)
		tt := newTown(t, filepath.Join(dir, name), name)
		log := filepath.Join(dir, name+".log")
		path := os.Getenv("PATH") + ":/of/" + name
		tt.opts.Env = append(os.Environ(), "GIT_SSH_COMMAND="+ssh, "GIT_SSH_VARIANT=simple", "CALLER="+name, "CALLER_LOG="+log, "PATH="+path)
		remote := Remote{Name: "far", URL: "ssh://host" + bare(t)}
		all.Go(func() {
			if _, err := tt.Init(t.Context(), remote, yes); err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			for n := range syncs {
				tt.write("templates/bug.md", fmt.Sprintf("%s %d\n", name, n))
				if _, err := tt.Sync(t.Context(), remote, false); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			text, err := os.ReadFile(log)
			if err != nil {
				t.Error(err)
				return
			}
			lines := strings.Split(strings.TrimSpace(string(text)), "\n")
			if len(lines) < syncs {
				t.Errorf("%s: %d connections", name, len(lines))
			}
			for _, line := range lines {
				if !strings.HasPrefix(line, name+" ") || !strings.HasSuffix(line, path) {
					t.Errorf("%s: a connection in the environment of another: %s", name, line)
				}
			}
		})
	}
	all.Wait()
}
