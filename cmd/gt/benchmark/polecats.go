package benchmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gastown/cmd/gt/benchmark/trial"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/feed"
)

// sandboxFiles is how many files each sandbox has.
const sandboxFiles = 200

// glance is how often the files are looked at in which agents say that they began, and
// feedEvery how often the feed is.
const (
	glance    = 5 * time.Millisecond
	feedEvery = 100 * time.Millisecond
)

// path is that of a file beside the Town.
func (b *bench) path(name ...string) string {
	return filepath.Join(append([]string{b.place.Dir}, name...)...)
}

// preparePolecats makes a Town with a rig, and has all polecats begin but one for each
// round.
func preparePolecats(ctx context.Context, b *bench) (err error) {
	if b.town, err = b.install(ctx, "town"); err != nil {
		return err
	}
	for _, name := range []string{"polecat.max_concurrent", "polecat.max_per_rig", "tmux.max_sessions"} {
		if most := b.town.Int(name); most < b.polecats {
			b.polecats = most
			b.less(fmt.Sprintf("%s is %d", name, most))
		}
	}
	b.scenario.Polecats = b.polecats
	if err := os.Mkdir(b.path("began"), 0o700); err != nil {
		return err
	}
	if err := b.town.AddRig(ctx, "web", sandboxFiles); err != nil {
		return err
	}
	err = b.town.Ledger(ctx, func(l *ledger.Store) (err error) {
		if b.members, err = trial.Convoys(ctx, l, b.size.Convoys, perPolecat*b.polecats); err != nil {
			return err
		}
		var beads []ledger.NewBead
		for i := range b.polecats {
			beads = append(beads, ledger.NewBead{Bead: town.Bead{ID: fmt.Sprintf("web-%d", i), Title: fmt.Sprint("work ", i), Priority: 2}})
		}
		_, err = l.Create(ctx, beads)
		return err
	})
	if err != nil {
		return err
	}
	if err := b.town.Start(ctx); err != nil {
		return err
	}
	b.step("start polecats", 0, b.polecats)
	_, err = b.sling(ctx, b.polecats-b.runs)
	return err
}

// sling gives so many more beads to polecats, and returns how long it took until all of
// their agents had begun.
func (b *bench) sling(ctx context.Context, more int) (time.Duration, error) {
	more = min(more, b.polecats-len(b.begun))
	if more <= 0 {
		return 0, nil
	}
	began := time.Now()
	args := []string{"sling"}
	for range more {
		bead := fmt.Sprintf("web-%d", len(b.begun))
		b.begun, args = append(b.begun, bead), append(args, bead)
	}
	if _, err := b.town.GT(ctx, append(args, "--rig=web", "--parallel")...); err != nil {
		return 0, err
	}
	err := b.atWork(ctx)
	return time.Since(began), err
}

// atWork waits until the agents of all beads that were slung noted that they began.
func (b *bench) atWork(ctx context.Context) error {
	noted := 0
	return await(ctx, glance, func() (bool, error) {
		for noted < len(b.begun) {
			_, err := os.Stat(b.path("began", b.begun[noted]))
			if errors.Is(err, fs.ErrNotExist) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			noted++
			b.step("polecats begin", noted, len(b.begun))
		}
		return true, nil
	})
}

// roundPolecats measures how one more polecat comes to work, a patrol over all of them,
// and a message.
func roundPolecats(ctx context.Context, b *bench) error {
	if len(b.begun) < b.polecats {
		took, err := b.sling(ctx, 1)
		if err != nil {
			return err
		}
		b.add("spawn, from gt sling until the agent has its work", unitMS, milliseconds(took), milliseconds(healthySpawn))
	}
	if _, err := b.time("gt witness patrol", healthyPatrol, func() (trial.Sample, error) { return b.town.GT(ctx, "witness", "patrol") }); err != nil {
		return err
	}
	began, subject := time.Now(), fmt.Sprint("message ", b.round, " of a benchmark")
	if _, err := b.town.GT(ctx, "mail", "send", "mayor/", "--subject", subject, "--message", "a text"); err != nil {
		return err
	}
	err := await(ctx, glance, func() (bool, error) {
		s, err := b.town.As(ctx, []string{"GT_ROLE=mayor/"}, b.place.GT, "mail", "inbox", "--json")
		return strings.Contains(s.Out, subject), err
	})
	if err == nil {
		b.add("mail, from gt mail send until it is in the inbox", unitMS, milliseconds(time.Since(began)), milliseconds(healthyMail))
	}
	return err
}

// endPolecats counts the processes of a patrol, and lets all polecats hand in.
func endPolecats(ctx context.Context, b *bench) error {
	n, err := b.counted(ctx, func(env []string) error {
		_, err := b.town.As(ctx, env, b.place.GT, "witness", "patrol")
		return err
	})
	if err != nil {
		return err
	}
	b.add("processes of gt witness patrol", unitProcesses, float64(n), 0)
	s, err := b.town.GT(ctx, "status", "--json")
	if err != nil {
		return err
	}
	var seen struct{ Agents []struct{ State string } }
	if err := json.Unmarshal([]byte(s.Out), &seen); err != nil {
		return err
	}
	working := 0
	for _, a := range seen.Agents {
		if a.State == string(town.AgentWorking) {
			working++
		}
	}
	if working < len(b.begun) {
		b.less(fmt.Sprintf("%d of %d polecats were at work at the end", working, len(b.begun)))
	}
	return b.handIn(ctx)
}

// handIn lets all polecats hand in at once. The feed says when each one had, because the
// Deacon ends a session as soon as its work is handed in.
func (b *bench) handIn(ctx context.Context) error {
	released := time.Now()
	if err := os.WriteFile(b.path("go"), nil, 0o600); err != nil {
		return err
	}
	handed := map[string]time.Time{}
	err := await(ctx, feedEvery, func() (bool, error) {
		s, err := b.town.GT(ctx, "feed", "--json", "--since", (time.Since(released).Truncate(time.Second) + 2*time.Second).String(), "--limit", "100000")
		if err != nil {
			return false, err
		}
		for line := range strings.Lines(s.Out) {
			var e feed.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				return false, err
			}
			if e.Kind == "assignment.submitted" {
				handed[e.Subject] = e.At
			}
		}
		b.step("polecats hand in", len(handed), len(b.begun))
		return len(handed) == len(b.begun), nil
	})
	for _, at := range handed {
		b.add("handed in, of all polecats at once", unitMS, max(milliseconds(at.Sub(released)), 0), 0)
	}
	return err
}

// less adds a reason why the Town has less than the scenario asks for.
func (b *bench) less(why string) {
	b.scenario.Less = strings.TrimPrefix(b.scenario.Less+"; "+why, "; ")
}
