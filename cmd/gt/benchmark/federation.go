package benchmark

import (
	"context"
	"os"
	"path/filepath"

	"gastown/cmd/gt/benchmark/trial"
)

// prepareFederation makes two Towns that share documents through a repository on the same
// disk. The second one has no Deacon.
func prepareFederation(ctx context.Context, b *bench) error {
	if err := b.rows(ctx); err != nil {
		return err
	}
	remote := filepath.Join(b.place.Dir, "shared.git")
	if _, err := b.place.Run(ctx, b.place.Dir, nil, "git", "init", "-q", "--bare", remote); err != nil {
		return err
	}
	for i := range perPolecat * b.polecats {
		if err := b.document(i); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		name string
		args []string
	}{{"record all documents", []string{"commit"}}, {"publish all documents", []string{"init", remote, "--yes"}}} {
		if _, err := b.time(step.name, 0, func() (trial.Sample, error) { return b.town.GT(ctx, append([]string{"federation"}, step.args...)...) }); err != nil {
			return err
		}
	}
	var err error
	if b.reader, err = b.install(ctx, "reader"); err != nil {
		return err
	}
	if _, err := b.time("join", 0, func() (trial.Sample, error) { return b.reader.GT(ctx, "federation", "join", remote, "--yes") }); err != nil {
		return err
	}
	_, err = b.town.GT(ctx, "federation", "pull") // the reader registered itself
	return err
}

// document writes a document's file with another text each time.
func (b *bench) document(i int) error {
	b.edits++
	name, text := trial.Document(i, b.edits)
	return os.WriteFile(filepath.Join(b.town.At.Root, "federation", "roles", name+".md"), []byte(text), 0o600)
}

// steps are the daily steps of an exchange.
func (b *bench) steps() []exchange {
	return []exchange{{"push of one document", b.town, "push"}, {"pull of one document", b.reader, "pull"}, {"pull of nothing", b.reader, "pull"}}
}

// exchange is one step, by one of the Towns.
type exchange struct {
	name string
	by   *trial.Town
	word string
}

func roundFederation(ctx context.Context, b *bench) error {
	if err := b.document(b.round % (perPolecat * b.polecats)); err != nil {
		return err
	}
	for _, s := range b.steps() {
		if _, err := b.time(s.name, 0, func() (trial.Sample, error) { return s.by.GT(ctx, "federation", s.word) }); err != nil {
			return err
		}
	}
	return nil
}

// endFederation counts the processes of the steps.
func endFederation(ctx context.Context, b *bench) error {
	if err := b.document(0); err != nil {
		return err
	}
	for _, s := range b.steps() {
		n, err := b.counted(ctx, func(env []string) error {
			_, err := s.by.As(ctx, env, b.place.GT, "federation", s.word)
			return err
		})
		if err != nil {
			return err
		}
		b.add("processes of a "+s.name, unitProcesses, float64(n), 0)
	}
	return nil
}
