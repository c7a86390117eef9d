package turns

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func middle() float64 { return 0.5 }

func towns(list []Turn) (names string) {
	for _, t := range list {
		names += t.Town
	}
	return names
}

func TestInOrder(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	list := []Turn{{"d", 7, at(1)}, {"c", 5, at(9)}, {"b", 5, at(9)}, {"a", 5, at(3)}, {"z", 99, at(50)}}
	if got := towns(InOrder(list, 8)); got != "zabcd" {
		t.Errorf("the order is %s: first what was left before a cut, then by number, clock and name", got)
	}
	if got := towns(list); got != "dcbaz" {
		t.Error("the argument was changed")
	}
}

// Without others a push is one attempt, and nothing is asked before it.
func TestAlone(t *testing.T) {
	p := New(Options{Town: "a", Random: middle})
	if s := p.Next(0); s.Do != Try || len(s.Absorb) > 0 {
		t.Errorf("%+v", s)
	}
	if p.Elsewhere() || p.Waits() {
		t.Error("it met nobody")
	}
}

// expect runs a push through what happens and compares its steps.
type happens struct {
	want Do
	then func(p *Push, at time.Duration)
}

func expect(t *testing.T, p *Push, steps ...happens) {
	t.Helper()
	at := time.Duration(0)
	for i, h := range steps {
		s := p.Next(at)
		for s.Do == Wait && h.want != Wait {
			at += s.Wait
			s = p.Next(at)
		}
		if s.Do != h.want {
			t.Fatalf("step %d is %v, want %v", i, s.Do, h.want)
		}
		at += 100 * time.Millisecond
		if h.then != nil {
			h.then(p, at)
		}
	}
}

func lost(p *Push, at time.Duration) { p.Lost(at) }

func sees(waiting ...Turn) func(*Push, time.Duration) {
	return func(p *Push, at time.Duration) { p.Seen(at, "head", 9, waiting) }
}

func left(p *Push, at time.Duration) { p.Left(at) }

func TestLosesTwiceAndLeavesATurn(t *testing.T) {
	p := New(Options{Town: "a", Random: middle})
	expect(t, p, happens{Try, lost}, happens{Look, sees()}, happens{Try, lost}, happens{Leave, left},
		// Another Town is before it, then it is the first, then its turn is gone.
		happens{Look, sees(Turn{Town: "b", Since: 1}, Turn{Town: "a", Since: 2})},
		happens{Look, sees(Turn{Town: "a", Since: 2}, Turn{Town: "c", Since: 3})}, happens{Try, lost},
		happens{Look, sees()}, happens{Try, nil})
}

func TestCrowdedLeavesATurnAtOnce(t *testing.T) {
	expect(t, New(Options{Town: "a", Crowded: true, Random: middle}), happens{Try, lost}, happens{Leave, left}, happens{Look, nil})
	p := New(Options{Town: "a", Crowded: true, Random: middle})
	p.Seen(0, "head", 9, []Turn{{Town: "b"}})
	expect(t, p, happens{Leave, left})
	// A single turn of a Town that may be gone is no crowd: it is taken along.
	p = New(Options{Town: "a", Random: middle})
	p.Seen(0, "head", 9, []Turn{{Town: "b"}})
	if s := p.Next(0); s.Do != Try || towns(s.Absorb) != "b" {
		t.Errorf("%+v", s)
	}
}

func TestHostWithoutTurns(t *testing.T) {
	expect(t, New(Options{Town: "a", Random: middle, NoTurns: true}), happens{Try, lost}, happens{Look, sees()}, happens{Try, lost},
		happens{Look, sees()}, happens{Try, lost}, happens{Wait, nil}, happens{Look, sees()}, happens{Try, nil})
	// The same when the host refuses the turn.
	refused := func(p *Push, _ time.Duration) { p.Refused() }
	expect(t, New(Options{Town: "a", Random: middle}), happens{Try, lost}, happens{Look, sees()}, happens{Try, lost},
		happens{Leave, refused}, happens{Look, sees()}, happens{Try, nil})
}

// If the Town with the oldest turn is gone, the next one takes over.
func TestOwnerOfTheOldestTurnIsGone(t *testing.T) {
	p := New(Options{Town: "a", Crowded: true, Random: middle})
	at := time.Duration(0)
	waiting := []Turn{{Town: "gone", Since: 1}, {Town: "a", Since: 2}}
	p.Next(at)
	p.Lost(at)
	p.Next(at)
	p.Left(at)
	for {
		s := p.Next(at)
		switch s.Do {
		case Wait:
			at += s.Wait
			continue
		case Look:
			p.Seen(at, "head", 9, waiting)
			continue
		}
		if s.Do != Try || towns(s.Absorb) != "gone" || at > DefaultPatience/4 {
			t.Fatalf("%+v after %v", s, at)
		}
		return
	}
}

// A push whose patience ends looks once more and tries on what it finds.
func TestLastAttempt(t *testing.T) {
	for name, last := range map[string]func(*Push, time.Duration){"lost": lost, "busy": func(p *Push, at time.Duration) { p.Busy(at, 0) }} {
		t.Run(name, func(t *testing.T) {
			p := New(Options{Town: "a", Patience: time.Millisecond, Random: middle})
			expect(t, p, happens{Try, lost}, happens{Look, sees(Turn{Town: "b"})}, happens{Try, last}, happens{GiveUp, nil}, happens{GiveUp, nil})
		})
	}
	// A Town that waits for its turn, too.
	p := New(Options{Town: "a", Crowded: true, Patience: 700 * time.Millisecond, Random: middle})
	waiting := sees(Turn{Town: "b", Since: 1}, Turn{Town: "a", Since: 2})
	expect(t, p, happens{Try, lost}, happens{Leave, left}, happens{Look, waiting}, happens{Try, lost}, happens{GiveUp, nil})
	// A host that never served is asked twice, and the first step is repeated.
	busy := func(p *Push, at time.Duration) { p.Busy(at, 0) }
	expect(t, New(Options{Town: "a", Patience: time.Millisecond, Random: middle}), happens{Try, busy}, happens{Try, busy}, happens{GiveUp, nil})
}

// A Town does not end while it gets ahead in the order.
func TestProgressRenewsThePatience(t *testing.T) {
	const before = 5
	p := New(Options{Town: "z", Crowded: true, Patience: time.Minute, Random: middle})
	p.Next(0)
	p.Lost(0)
	p.Next(0)
	p.Left(0)
	at := time.Duration(0)
	for {
		switch s := p.Next(at); s.Do {
		case Wait:
			at += s.Wait
		case Look:
			// Each 50 s one of the turns before it is published.
			done := int(at / (50 * time.Second))
			var waiting []Turn
			for i := done; i < before; i++ {
				waiting = append(waiting, Turn{Town: string(rune('a' + i))})
			}
			if done <= before {
				waiting = append(waiting, Turn{Town: "z", Since: 1})
			}
			p.Seen(at, string(rune('a'+done)), 9, waiting)
		case Try:
			if len(s.Absorb) == 0 {
				if at < before*50*time.Second {
					t.Errorf("its turn came after %v", at)
				}
				return
			}
			p.Lost(at + time.Second)
		default:
			t.Fatalf("%v after %v", s.Do, at)
		}
	}
}

// Pauses of a busy host grow, and end with the patience.
func TestBusyHost(t *testing.T) {
	p := New(Options{Town: "a", Random: middle})
	at, before, asked := time.Duration(0), time.Duration(0), 0
	for {
		switch s := p.Next(at); s.Do {
		case Wait:
			if s.Wait < before {
				t.Errorf("a pause of %v follows one of %v", s.Wait, before)
			}
			before = s.Wait
			at += s.Wait
			continue
		case Try:
			asked++
			p.Busy(at, 0)
			continue
		case GiveUp:
			if asked < 6 || asked > 12 || at > DefaultPatience || !p.Unserved() {
				t.Errorf("asked %d times in %v", asked, at)
			}
			return
		default:
			t.Fatalf("%v after %v", s.Do, at)
		}
	}
}

// Whatever happens, a push ends within its patience, and absorbs a bounded number of
// turns, never its own.
func TestEnds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := rapid.Float64Range(0, 0.999)
		o := Options{
			Town: "a", Patience: time.Duration(rapid.IntRange(1, 300).Draw(rt, "patience")) * time.Second,
			NoTurns: rapid.Bool().Draw(rt, "no turns"), Crowded: rapid.Bool().Draw(rt, "crowded"),
			Random: func() float64 { return draw.Draw(rt, "random") },
		}
		p := New(o)
		at := time.Duration(0)
		const slow = 20 * time.Second
		for range 100_000 {
			s := p.Next(at)
			// A step that began in time, and the last look and attempt.
			most := o.Patience + 3*slow
			if !o.NoTurns {
				most += (patiences - 1) * o.Patience
			}
			if at > most {
				rt.Fatalf("%v after %v, with a patience of %v", s.Do, at, o.Patience)
			}
			if s.Do == GiveUp {
				return
			}
			if len(s.Absorb) > MaxAbsorbed {
				rt.Fatalf("it absorbs %d turns", len(s.Absorb))
			}
			for _, turn := range s.Absorb {
				if turn.Town == "a" {
					rt.Fatal("it absorbs its own turn")
				}
			}
			if s.Do == Wait {
				if s.Wait <= 0 {
					rt.Fatalf("it waits %v", s.Wait)
				}
				at += s.Wait
				continue
			}
			at += time.Duration(rapid.IntRange(1, int(slow/time.Millisecond)).Draw(rt, "took ms")) * time.Millisecond
			if rapid.IntRange(0, 9).Draw(rt, "busy") == 0 {
				p.Busy(at, 0)
				continue
			}
			switch s.Do {
			case Try:
				p.Lost(at)
			case Leave:
				if rapid.Bool().Draw(rt, "refused") {
					p.Refused()
				} else {
					p.Left(at)
				}
			case Look:
				var waiting []Turn
				for i := range rapid.IntRange(0, 60).Draw(rt, "turns") {
					waiting = append(waiting, Turn{Town: string(rune('a' + i)), Since: rapid.IntRange(0, 20).Draw(rt, "since")})
				}
				p.Seen(at, string(rune('a'+rapid.IntRange(0, 3).Draw(rt, "head"))), 10, waiting)
			}
		}
		rt.Fatal("it does not end")
	})
}
