package feed

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
)

// childEnv names the directory in which this program works until it is killed.
const childEnv = "FEED_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		fmt.Println("ended:", work(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// work writes to both planes, and collects and appends, without end.
func work(dir string) error {
	ctx := context.Background()
	p := &place{t: &testing.T{}, dir: dir}
	p.reopen()
	f := p.feed()
	fmt.Println("works")
	for n := 0; ; n++ {
		bead := ledger.NewBead{Bead: town.Bead{Title: "t", Labels: []string{"l"}}}
		made, err := p.ledger.Create(ctx, []ledger.NewBead{bead, bead})
		if err == nil {
			_, err = p.ledger.Comment(ctx, made[0].ID, "said")
		}
		if err == nil && n%3 == 0 {
			err = f.Append(ctx, Event{Kind: "test"})
		}
		if err == nil {
			_, err = f.Collect(ctx)
		}
		if err != nil {
			return err
		}
		fmt.Println("did", n)
	}
}

// A process that is killed at any moment loses and repeats no change of the
// ledger, and leaves no gap in the numbers.
func TestAKilledCollector(t *testing.T) {
	p := newPlace(t, t.TempDir())
	first := p.feed()
	collect(t, first)
	p.close()
	for range 6 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+p.dir)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		said := bufio.NewReader(out)
		if line, err := said.ReadString('\n'); err != nil || line != "works\n" {
			t.Fatalf("%q, %v", line, err)
		}
		for n := range 1 + rand.IntN(3) { // so that there is something, however slow the machine is
			if line, err := said.ReadString('\n'); err != nil || line != fmt.Sprintln("did", n) {
				t.Fatalf("%q, %v", line, err)
			}
		}
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond) // a random moment
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	p.reopen()
	defer p.close()
	f := p.feed()
	collect(t, f)
	head, err := p.ledger.Head(t.Context())
	must(t, err)
	trail, err := p.ledger.Recent(t.Context(), head, time.Now().Add(-time.Hour), 1_000_000)
	must(t, err)
	page, err := f.After(t.Context(), 0, 1_000_000)
	must(t, err)
	var got, want []string
	for i, e := range page.Events {
		if e.Seq != int64(i+1) {
			t.Fatalf("event %d has number %d", i+1, e.Seq)
		}
		if id := e.Data["trail"]; id != "" {
			got = append(got, id)
		}
	}
	for _, e := range trail {
		want = append(want, e.ID)
	}
	if !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("%d events of %d changes; they differ", len(got), len(want))
	}
	t.Logf("%d changes", len(want))
}
