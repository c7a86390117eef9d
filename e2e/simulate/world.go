package main

import (
	"container/heap"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"gastown/sync/turns"
)

// Host is the model of a Git host.
type Host struct {
	// Latency is the mean time of a connection, Push what a push takes in addition.
	Latency, Push time.Duration
	// Connections and PerMinute bound the connections at once, and those within a
	// minute. The host refuses more. 0 is no limit.
	Connections, PerMinute int
	// Failures is the share of connections that fail.
	Failures float64
	// NoTurns: the host accepts no other refs.
	NoTurns bool
}

// World describes a simulation.
type World struct {
	Towns int
	// Every is the mean time between two edits of a Town; 0: the next one follows as
	// soon as the last one is published.
	Every time.Duration
	// For is how long people edit. The simulation ends when all is published.
	For  time.Duration
	Host Host
	// Merge is how long it takes to merge what others published, or one turn.
	Merge time.Duration
	// Killed is the share of pushes that end after their turn was left. The Town
	// goes on an hour later.
	Killed float64
	// Again is after how long a Town repeats a push that failed or gave up.
	Again time.Duration
	Seed  uint64
}

func defaults() World {
	return World{
		Towns: 1000, Every: 10 * time.Minute, For: 2 * time.Hour, Merge: 50 * time.Millisecond, Again: 30 * time.Second, Seed: 1,
		Host: Host{Latency: 150 * time.Millisecond, Push: 350 * time.Millisecond, Connections: 100, PerMinute: 3000, Failures: 0.001},
	}
}

// event is something that happens at a time.
type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// left is a turn at the host: the edit it holds, and how many publications there
// were when it was left first.
type left struct {
	turn turns.Turn
	edit int
	at   int
}

// simulation is a world under way.
type simulation struct {
	World
	random *rand.Rand
	now    time.Duration
	queue  events
	order  int

	// The host: the value of the ref, the last edit of each Town that it has, and
	// the turns that wait.
	head      int
	published []int
	waiting   map[int]left
	open      int
	recent    []time.Duration

	towns []*person
	out   Result
}

// person is a Town and who edits in it.
type person struct {
	*simulation
	id   int
	name string
	// edits counts what was written; since when the oldest unpublished one waits.
	edits int
	since []time.Duration
	// from is how many publications there were when each of them was written.
	from []int

	// What the Town knows: the ref's value and the turns as of its last contact.
	head    int
	known   map[int]left
	crowded bool

	push    *turns.Push
	began   time.Duration
	fetched bool
}

func (s *simulation) after(d time.Duration, do func()) {
	s.order++
	heap.Push(&s.queue, event{s.now + d, s.order, do})
}

// around is a random duration with that mean, at least half of it.
func (s *simulation) around(d time.Duration) time.Duration {
	return d/2 + time.Duration(s.random.ExpFloat64()*float64(d)/2)
}

func run(w World) Result {
	s := &simulation{World: w, random: rand.New(rand.NewPCG(w.Seed, w.Seed)), published: make([]int, w.Towns), waiting: map[int]left{}}
	s.out.World = w
	s.out.Published = make([]int, w.Towns)
	for i := range w.Towns {
		p := &person{simulation: s, id: i, name: name(i), known: map[int]left{}}
		s.towns = append(s.towns, p)
		s.after(time.Duration(s.random.Float64()*float64(min(max(w.Every, time.Second), w.For))), p.edit)
	}
	for len(s.queue) > 0 && s.now < w.For+24*time.Hour {
		e := heap.Pop(&s.queue).(event)
		s.now = e.at
		e.do()
	}
	for _, p := range s.towns {
		s.out.Unpublished += p.edits - s.published[p.id]
	}
	return s.out
}

// edit writes something and pushes it.
func (p *person) edit() {
	if p.now > p.For {
		return
	}
	p.edits++
	p.since, p.from = append(p.since, p.now), append(p.from, p.simulation.head)
	if p.Every > 0 {
		p.after(time.Duration(p.random.ExpFloat64()*float64(p.Every)), p.edit)
	}
	p.begin()
}

// begin begins a push unless one is under way.
func (p *person) begin() {
	if p.push != nil || p.edits == p.published[p.id] {
		return
	}
	p.began, p.fetched = p.now, false
	p.push = turns.New(turns.Options{Town: p.name, NoTurns: p.Host.NoTurns, Crowded: p.crowded, Random: p.random.Float64})
	p.step()
}

func (p *person) at() time.Duration { return p.now - p.began }

func (p *person) step() {
	step := p.push.Next(p.at())
	switch step.Do {
	case turns.Wait:
		p.after(step.Wait, p.step)
	case turns.GiveUp:
		p.out.GaveUp++
		p.end()
		p.after(p.around(p.Again), p.begin)
	case turns.Look:
		p.connect(0, p.look)
	case turns.Leave:
		p.out.Pushes++
		p.out.Leaves++
		p.connect(p.Host.Push, p.leave)
	case turns.Try:
		p.try(step.Absorb)
	}
}

// end ends the push.
func (p *person) end() {
	p.crowded = p.push.Elsewhere()
	p.push = nil
}

// connect makes a connection; then is called at its end.
func (p *person) connect(more time.Duration, then func()) {
	p.out.Connections++
	p.recent = append(p.recent, p.now)
	for len(p.recent) > 0 && p.recent[0] < p.now-time.Minute {
		p.recent = p.recent[1:]
	}
	if p.Host.Connections > 0 && p.open >= p.Host.Connections || p.Host.PerMinute > 0 && len(p.recent) > p.Host.PerMinute {
		p.out.Refused++
		p.recent = p.recent[:len(p.recent)-1]
		p.after(p.around(p.Host.Latency/2), func() { p.push.Busy(p.at(), 0); p.step() })
		return
	}
	p.open++
	fails := p.random.Float64() < p.Host.Failures
	p.after(p.around(p.Host.Latency+more), func() {
		p.open--
		if fails {
			p.out.Failed++
			p.end()
			p.after(p.around(p.Again), p.begin)
			return
		}
		then()
	})
}

// look ends a fetch.
func (p *person) look() {
	p.fetched = true
	p.head, p.known = p.simulation.head, maps.Clone(p.waiting)
	var waiting []turns.Turn
	for _, l := range p.known {
		waiting = append(waiting, l.turn)
	}
	p.push.Seen(p.at(), name(p.head), p.head, waiting)
	p.step()
}

// leave ends the push of a turn.
func (p *person) leave() {
	clock := p.now + time.Duration(p.id%7-3)*time.Hour // clocks differ
	p.waiting[p.id] = left{turns.Turn{Town: p.name, Since: p.head, When: time.Unix(0, int64(clock))}, p.edits, p.simulation.head}
	p.push.Left(p.at())
	if p.random.Float64() < p.Killed {
		p.out.Killed++
		p.end()
		p.after(time.Hour, p.begin)
		return
	}
	p.step()
}

// try merges what was fetched and what is absorbed, and publishes.
func (p *person) try(absorb []turns.Turn) {
	var taken []int
	var merge time.Duration
	if p.fetched {
		merge = p.Merge
		if p.published[p.id] == p.edits {
			p.after(merge, p.done)
			return
		}
	}
	for _, t := range absorb {
		if merge > turns.AbsorbTime && len(taken) > 0 {
			break
		}
		merge += p.Merge
		taken = append(taken, slices.IndexFunc(p.towns, func(o *person) bool { return o.name == t.Town }))
	}
	edit := p.edits
	p.after(merge, func() {
		p.out.Pushes++
		p.out.Tries++
		p.connect(p.Host.Push, func() { p.arrive(edit, taken) })
	})
}

// arrive ends the push of a publication.
func (p *person) arrive(edit int, taken []int) {
	refused := p.head != p.simulation.head
	if _, own := p.waiting[p.id]; !p.fetched && len(p.waiting) > 1 || !p.fetched && len(p.waiting) == 1 && !own {
		refused = true // the guard of a push without a fetch
	}
	for _, id := range taken {
		if p.waiting[id].edit != p.known[id].edit {
			refused = true
		}
	}
	if refused {
		p.out.Lost++
		p.push.Lost(p.at())
		p.step()
		return
	}
	p.simulation.head++
	p.head = p.simulation.head
	p.out.Publications++
	p.out.Absorbed += len(taken)
	for _, id := range append(taken, p.id) {
		last := edit
		if id != p.id {
			last = p.known[id].edit
			p.out.passed = max(p.out.passed, p.simulation.head-1-p.waiting[id].at)
		}
		delete(p.waiting, id)
		delete(p.known, id)
		p.towns[id].publish(last)
	}
	p.done()
}

// publish notes that the ref has the Town's edits up to last.
func (p *person) publish(last int) {
	for n := p.published[p.id]; n < last; n++ {
		p.out.delays = append(p.out.delays, p.now-p.since[0])
		p.out.others = max(p.out.others, p.simulation.head-p.from[0])
		p.since, p.from = p.since[1:], p.from[1:]
		p.out.Edits++
		if p.now <= p.For {
			p.out.Published[p.id]++
		}
	}
	p.published[p.id] = max(p.published[p.id], last)
}

// done ends a push that is published.
func (p *person) done() {
	if p.published[p.id] < p.edits { // edited meanwhile
		p.end()
		p.begin()
		return
	}
	p.end()
	if p.Every == 0 {
		p.edit()
	}
}
