package main

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"gastown/planes/ledger"
	"gastown/town"
)

const (
	// idSpace is the number of ids of five base-36 digits. idStride has no common
	// divisor with it and so scatters the ids as if they were random.
	idSpace, idStride = 36 * 36 * 36 * 36 * 36, 7_368_787
	// maxBeads leaves room for the beads that are imported on top.
	maxBeads = 1_000_000
	// beadWords is the number of different words. A few are frequent, as in any
	// language.
	beadWords = 4000
)

// searched is a word that occurs in the title or description of about one bead in
// four.
const searched = "regression"

// beadID is the id of bead i.
func beadID(i int) string {
	digits := strconv.FormatInt(int64(i+1)*idStride%idSpace, 36)
	return "gt-" + strings.Repeat("0", 5-len(digits)) + digits
}

// lexicon has the words that texts are made of.
var lexicon = sync.OnceValue(func() []string {
	random := rand.New(rand.NewPCG(1, 2))
	syllables := strings.Fields("al be con de er fa gi ha in jo ka la mer no or pre qua re sta ti un ver wo ze")
	list := make([]string, beadWords)
	for i := range list {
		for range 1 + random.IntN(3) {
			list[i] += syllables[random.IntN(len(syllables))]
		}
	}
	return list
})

// pen generates texts that depend on its number alone.
type pen struct {
	*rand.Rand
	word *rand.Zipf
}

func newPen(i int) pen {
	random := rand.New(rand.NewPCG(uint64(i), 3))
	return pen{random, rand.NewZipf(random, 1.2, 8, beadWords-1)}
}

// text has at least this many bytes, and hardly more.
func (p pen) text(bytes int) string {
	var b strings.Builder
	for n := 1; b.Len() < bytes; n++ {
		b.WriteString(lexicon()[p.word.Uint64()])
		if n%12 == 0 {
			b.WriteString(".\n")
		} else {
			b.WriteByte(' ')
		}
	}
	return strings.TrimSpace(b.String())
}

// one picks one word of a list.
func (p pen) one(list string) string {
	words := strings.Fields(list)
	return words[p.IntN(len(words))]
}

// bead is the i-th bead of a project: a title, a description of 200 to 2,000 bytes,
// and sometimes other texts, labels, links to older beads, and comments.
func bead(i int) town.Bead {
	p := newPen(i)
	const people = "ada ben cleo dan eve finn gus hana"
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(i) * time.Minute)
	b := town.Bead{
		ID: beadID(i), Title: p.text(20 + p.IntN(60)), Description: p.text(200 + p.IntN(1800)), Status: town.StatusOpen,
		Priority: p.IntN(5), Type: town.BeadTypes[p.IntN(5)], CreatedAt: at, CreatedBy: p.one(people),
		UpdatedAt: at.Add(time.Duration(p.IntN(5000)) * time.Second),
	}
	b.Title = strings.ReplaceAll(b.Title, "\n", " ")
	if p.IntN(4) == 0 {
		b.Description += "\n" + searched
	}
	switch n := p.IntN(20); {
	case n < 5:
		b.Status, b.ClosedAt, b.CloseReason = town.StatusClosed, &b.UpdatedAt, p.text(30)
	case n < 7:
		b.Status, b.Assignee = town.StatusInProgress, p.one(people)
	}
	if p.IntN(8) == 0 {
		b.Design, b.AcceptanceCriteria = p.text(400), p.text(200)
	}
	for range p.IntN(4) {
		b.Labels = append(b.Labels, p.one("backend web docs api tests build urgent later parser mail refinery deacon"))
	}
	if i > 0 && p.IntN(5) < 2 {
		kind := town.DepBlocks
		if p.IntN(3) == 0 {
			kind = town.DepParent
		}
		b.Dependencies = []town.Dependency{{Bead: b.ID, Target: beadID(p.IntN(i)), Type: kind, CreatedAt: at, CreatedBy: b.CreatedBy}}
	}
	if p.IntN(4) == 0 {
		for n := range 1 + p.IntN(3) {
			b.Comments = append(b.Comments, town.Comment{ID: "c" + strconv.Itoa(i) + "-" + strconv.Itoa(n), Bead: b.ID,
				Author: p.one(people), Text: p.text(50 + p.IntN(300)), CreatedAt: b.UpdatedAt})
		}
	}
	return b
}

// writeBeads writes the beads from (inclusive) to (exclusive) as an export that
// both sides import. It returns the ids of the open ones.
func writeBeads(path string, from, to int) (open []string, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out := bufio.NewWriterSize(f, 1<<18)
	for i := from; i < to; i++ {
		b := bead(i)
		if b.Status == town.StatusOpen {
			open = append(open, b.ID)
		}
		if err := ledger.WriteLine(out, b); err != nil {
			return nil, err
		}
	}
	return open, out.Flush()
}
