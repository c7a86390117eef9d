package failover

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gastown/sync/federate"
	"gastown/sync/gitremote"
	"gastown/town"
	"gastown/town/instance"
)

// history is two hosts of one Town, and an observer that only pulls.
type history struct {
	t        *testing.T
	rand     *rand.Rand
	hosts    []*hostOf
	observer *hostOf
	// spoke is who published in each epoch.
	spoke map[uint64]string
	// wrote are the documents that each host recorded.
	wrote map[string]*hostOf
	told  []string // what was done, for a failure
}

// Two hosts of one Town, each cut off and connected at random moments, calls that end
// anywhere, promotions with and without force, also of both at once. Never do two hosts
// publish in one epoch; the fenced one is told; and everything that either recorded can be
// brought to the one that is active.
func TestTwoHosts(t *testing.T) {
	base := found(t)
	for n := range *histories {
		seed := uint64(n)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			root := t.TempDir()
			shell(t, "cp", "-a", base+"/.", root)
			a := newHost(root, "a")
			if err := errors.Join(a.cut(), a.mend()); err != nil { // the link is to the former place
				t.Fatal(err)
			}
			if err := a.Engine.Agree(t.Context(), a.Remotes[0]); err != nil {
				t.Fatal(err)
			}
			h := &history{
				t: t, rand: rand.New(rand.NewPCG(seed, 14)), spoke: map[uint64]string{}, wrote: map[string]*hostOf{},
				hosts: []*hostOf{a, copied(t, root, "b")}, observer: copied(t, root, "o"),
			}
			defer func() {
				if t.Failed() {
					t.Logf("history %d: %v", seed, h.told)
				}
			}()
			// The copy in another place has to say once that the Town goes on here.
			if _, err := a.Promote(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			for range 14 {
				h.step()
			}
			h.settle()
		})
	}
}

func (h *history) step() {
	who := h.hosts[h.rand.IntN(2)]
	switch h.rand.IntN(10) {
	case 0, 1, 2:
		h.write(who)
	case 3, 4, 5:
		h.do("exchange", who, who.exchange)
	case 6:
		if who.isCut() {
			h.must(who.mend())
		} else {
			h.must(who.cut())
		}
		h.told = append(h.told, fmt.Sprint(who.name, " cut ", who.isCut()))
	case 7:
		h.promote(who, h.rand.IntN(2) == 0)
	case 8:
		h.interrupted(who)
	case 9:
		h.both()
	}
}

func (h *history) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("%v: %v", h.told, err)
	}
}

func (h *history) write(who *hostOf) {
	name := fmt.Sprintf("%s-%d", who.name, len(h.wrote))
	h.told = append(h.told, who.name+" writes "+name)
	h.must(who.write(h.t.Context(), name))
	h.wrote[name] = who
}

func (h *history) ref() string {
	return shell(h.t, "git", "-C", h.hosts[0].url, "for-each-ref", "--format=%(objectname)", gitremote.SpaceDolt.Data())
}

// do runs a call of one host. If the remote moved, the host published in the epoch that
// the registry then has.
func (h *history) do(what string, who *hostOf, call func(context.Context) error) {
	h.t.Helper()
	before := h.ref()
	err := call(h.t.Context())
	h.told = append(h.told, fmt.Sprintf("%s %s: %v", who.name, what, err))
	if h.ref() != before {
		h.published(who)
	}
	known := errors.Is(err, town.ErrRefused) || errors.Is(err, context.Canceled) || who.isCut()
	if err != nil && !known {
		h.t.Fatalf("%v", h.told)
	}
}

// entry is the Town's row at the remote.
func (h *history) entry() federate.Instance {
	h.t.Helper()
	if _, err := h.observer.Engine.Pull(h.t.Context(), h.observer.Remotes[0], false); err != nil {
		h.t.Fatal(err)
	}
	in, err := h.observer.Engine.Instance(h.t.Context())
	h.must(err)
	return in
}

// published says that one of some hosts published.
func (h *history) published(who ...*hostOf) {
	h.t.Helper()
	row := h.entry().Entry
	for _, one := range who {
		note, _, err := one.Dir.Look()
		h.must(err)
		if note.Instance != row.Instance {
			continue
		}
		if was := h.spoke[row.Epoch]; was != "" && was != one.name {
			h.t.Fatalf("both %s and %s published in epoch %d: %v", was, one.name, row.Epoch, h.told)
		}
		h.spoke[row.Epoch] = one.name
		return
	}
	h.t.Fatalf("somebody published, and the registry names %s: %v", row.Instance, h.told)
}

func (h *history) promote(who *hostOf, force bool) {
	h.do(fmt.Sprintf("promote force=%v", force), who, func(ctx context.Context) error {
		_, err := who.Promote(ctx, force)
		if err == nil && who.role(h.t) != instance.Active {
			h.t.Fatalf("promoted, and %s: %v", who.role(h.t), h.told)
		}
		return err
	})
}

// interrupted is a promotion that ends at one of its steps. Running it again goes on.
func (h *history) interrupted(who *hostOf) {
	at := h.rand.IntN(24)
	h.do(fmt.Sprintf("promote until step %d", at), who, func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		steps := 0
		who.step = func() {
			if steps++; steps > at {
				cancel()
			}
		}
		defer func() { who.step = nil }()
		if _, err := who.Promote(ctx, true); err != nil {
			return fmt.Errorf("%w: %w", context.Canceled, err)
		}
		return nil
	})
}

// both promotes both at once. One of them may be told that it came second.
func (h *history) both() {
	before := h.ref()
	errs := make([]error, 2)
	var all sync.WaitGroup
	for i, who := range h.hosts {
		all.Go(func() { _, errs[i] = who.Promote(h.t.Context(), true) })
	}
	all.Wait()
	h.told = append(h.told, fmt.Sprintf("both promoted: %v", errs))
	if h.ref() != before {
		h.published(h.hosts...)
	}
	for i, err := range errs {
		if err != nil && !errors.Is(err, town.ErrRefused) && !errors.Is(err, town.ErrBusy) && !h.hosts[i].isCut() {
			h.t.Fatalf("%v", h.told)
		}
	}
}

// settle connects both, lets a person decide for one, and hands over what the other has.
func (h *history) settle() {
	for _, who := range h.hosts {
		if who.isCut() {
			h.must(who.mend())
		}
		h.do("exchange at the end", who, who.exchange)
	}
	goes, stays := h.hosts[h.rand.IntN(2)], h.hosts[0]
	if goes == stays {
		stays = h.hosts[1]
	}
	h.promote(goes, true)
	h.do("exchange", goes, goes.exchange)
	h.do("exchange", stays, stays.exchange)
	if stays.role(h.t) == instance.Active || goes.role(h.t) != instance.Active {
		h.t.Errorf("%s is %s, %s is %s", goes.name, goes.role(h.t), stays.name, stays.role(h.t))
	}
	for name, who := range h.wrote {
		if !who.has(name) {
			h.t.Errorf("%s recorded %s and does not have it", who.name, name)
		}
		if !goes.has(name) { // handed over: a person copies the file
			text, err := os.ReadFile(filepath.Join(who.dir, "federation", "roles", name+".md"))
			h.must(err)
			h.must(os.WriteFile(filepath.Join(goes.dir, "federation", "roles", name+".md"), text, 0o600))
		}
	}
	h.do("exchange", goes, goes.exchange)
	h.entry()
	for name := range h.wrote {
		if !h.observer.has(name) {
			h.t.Errorf("%s is not in the federation", name)
		}
	}
}
