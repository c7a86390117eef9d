package federate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gastown/planes/doltdb"
	"gastown/town/layout"
)

// benchDocuments is how many documents a Town has in these benchmarks.
const benchDocuments = 20_000

// writeRoles makes n roles of about size bytes with texts that differ.
func (tt *testTown) writeRoles(n, size, edit int) {
	tt.t.Helper()
	dir := tt.path("roles")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		tt.t.Fatal(err)
	}
	for i := range n {
		name := fmt.Sprintf("role-%06d", i)
		body := make([]byte, 0, size+16)
		for state := uint64(i)*2654435761 + uint64(edit); len(body) < size; {
			state = state*6364136223846793005 + 1442695040888963407
			body = fmt.Appendf(body, "%07x ", state>>52*2654435761&0xfffffff)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".md"), []byte(role(name, string(body))), 0o600); err != nil {
			tt.t.Fatal(err)
		}
	}
}

// stepTimes adds up the time of each step of the engine's calls.
type stepTimes map[string]time.Duration

func (s stepTimes) watch(tt *testTown) {
	tt.opts.Trace = func(step string, took time.Duration) { s[step] += took }
}

func (s stepTimes) report(b *testing.B) {
	for step, took := range s {
		b.ReportMetric(took.Seconds()*1000/float64(b.N), "ms-"+strings.ReplaceAll(step, " ", "-"))
	}
}

// BenchmarkRecord records new files: the step that gt federation commit takes.
func BenchmarkRecord(b *testing.B) {
	for _, size := range []int{160, 4000} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			b.ReportAllocs()
			steps, busy := stepTimes{}, time.Duration(0)
			for b.Loop() {
				b.StopTimer()
				tt := newTown(b, tempDir(b), "alpha")
				tt.writeRoles(benchDocuments, size, 0)
				steps.watch(tt)
				before := processorTime(b, unix.RUSAGE_SELF)
				b.StartTimer()
				if out := tt.commit(); out.Edits != benchDocuments {
					b.Fatal(out)
				}
				b.StopTimer()
				busy += processorTime(b, unix.RUSAGE_SELF) - before
				_ = os.RemoveAll(tt.dir)
				b.StartTimer()
			}
			b.ReportMetric(busy.Seconds()*1000/float64(b.N), "cpu-ms")
			steps.report(b)
		})
	}
}

// serve puts the Town's planes behind a server, as the Deacon does.
func (tt *testTown) serve() {
	tt.t.Helper()
	socket := filepath.Join(tt.dir, ".gt", "sql.sock")
	server, err := doltdb.Serve(tt.t.Context(), doltdb.ServeOptions{
		Dir: filepath.Dir(tt.database().Dir), Planes: []string{layout.Federation}, Socket: socket, Home: tt.database().Home,
	})
	if err != nil {
		tt.t.Fatal(err)
	}
	tt.t.Cleanup(func() { _ = server.Close(context.WithoutCancel(tt.t.Context())) })
	tt.opts.Plane.Socket = socket
}

// BenchmarkServed measures the calls of a Town with a Deacon and a remote on the
// same disk.
func BenchmarkServed(b *testing.B) {
	for _, n := range []int{1000, benchDocuments} {
		tt := newTown(b, tempDir(b), "alpha")
		tt.writeRoles(n, 160, 0)
		url := bare(b)
		tt.init(url)
		tt.serve()
		remote := Remote{Name: "origin", URL: url}
		edit := 0
		for _, call := range []struct {
			name string
			run  func() error
		}{
			{"status", func() error { _, err := tt.Status(b.Context(), []Remote{remote}); return err }},
			{"pull", func() error { _, err := tt.Pull(b.Context(), remote, false); return err }},
			{"push", func() error {
				edit++
				tt.write("roles/role-000500.md", role("role-000500", fmt.Sprint("edit ", edit)))
				_, err := tt.Push(b.Context(), remote, false)
				return err
			}},
		} {
			b.Run(fmt.Sprintf("%s/documents=%d", call.name, n), func(b *testing.B) {
				steps := stepTimes{}
				steps.watch(tt)
				self, git := processorTime(b, unix.RUSAGE_SELF), processorTime(b, unix.RUSAGE_CHILDREN)
				for b.Loop() {
					if err := call.run(); err != nil {
						b.Fatal(err)
					}
				}
				self, git = processorTime(b, unix.RUSAGE_SELF)-self, processorTime(b, unix.RUSAGE_CHILDREN)-git
				b.ReportMetric(self.Seconds()*1000/float64(b.N), "cpu-ms")
				b.ReportMetric(git.Seconds()*1000/float64(b.N), "git-cpu-ms")
				steps.report(b)
			})
		}
	}
}

// processorTime is how long processors were busy with this process, or with the
// git processes it waited for.
func processorTime(b *testing.B, who int) time.Duration {
	b.Helper()
	var use unix.Rusage
	if err := unix.Getrusage(who, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
