package cli

import (
	"bytes"
	"strings"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town/config"
	"gastown/town/layout"
)

// BenchmarkPrepare is what understanding a command costs, before it runs.
func BenchmarkPrepare(b *testing.B) {
	p := newPlace(b)
	for _, args := range []string{"show gt-a3f8x", "list --limit=100", "create x", "dep add a b"} {
		b.Run(strings.Fields(args)[0], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				i := &shell.Invocation{Program: "bd", Args: strings.Fields(args), Dir: p.dir, Env: p.env, Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{}}
				if prepared := Program(i).Prepare(); prepared.Town == "" {
					b.Fatal("no Town")
				}
			}
		})
	}
	b.Run("config", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := config.Load((layout.Town{Root: p.dir}).Config()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
