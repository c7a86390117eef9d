package gitremote

import (
	"math/rand/v2"
	"testing"

	"gastown/sync/gitcmd"
)

// The cost of one small change beside 20 MB of unchanged data, with a local bare
// repository, where connections cost nothing.

func prepared(b *testing.B) (*Mirror, *Mirror, []string) {
	url := bareRepo(b)
	r := rand.New(rand.NewPCG(5, 6))
	var live []string
	for range 20 {
		live = append(live, noise(r, 1<<20))
	}
	from, to := openMirror(b, b.TempDir(), url), openMirror(b, b.TempDir(), url)
	write(b, from, live...)
	publish(b, from)
	fetch(b, to)
	return from, to, live
}

func BenchmarkFetchNothing(b *testing.B) {
	_, to, _ := prepared(b)
	for b.Loop() {
		fetch(b, to)
	}
}

func BenchmarkPublishOneTable(b *testing.B) {
	from, _, live := prepared(b)
	r := rand.New(rand.NewPCG(7, 8))
	before := gitcmd.Processes()
	n := 0
	for b.Loop() {
		b.StopTimer()
		write(b, from, append(live, noise(r, 4000))...)
		b.StartTimer()
		publish(b, from)
		n++
	}
	b.ReportMetric(float64(gitcmd.Processes()-before)/float64(n), "processes/op")
}

func BenchmarkFetchOneTable(b *testing.B) {
	from, to, live := prepared(b)
	r := rand.New(rand.NewPCG(9, 10))
	for b.Loop() {
		b.StopTimer()
		write(b, from, append(live, noise(r, 4000))...)
		publish(b, from)
		b.StartTimer()
		fetch(b, to)
	}
}
