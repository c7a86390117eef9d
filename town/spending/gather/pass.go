package gather

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/spending"
)

// pass is one pass while the plane is open.
type pass struct {
	*Gatherer
	rows   Store
	result *Result
	left   int64 // bytes that may still be read
	// What was read and not recorded yet.
	pieces   []piece
	messages int
	done     map[string]string // the files that were read to their end, with their stamps
}

// piece is what was read of a file at once.
type piece struct {
	read operational.Read
	list []spending.Message
}

// run reads a piece of each file, until a bound is reached.
func (p *pass) run(ctx context.Context, found []file) error {
	known, err := p.rows.Transcripts(ctx)
	if err != nil {
		return err
	}
	p.done = map[string]string{}
	transcript := func(f file) operational.Transcript {
		t := operational.TranscriptOf(f.format, f.path, f.folder)
		t.State, t.Stamp = known[t.Source].State, known[t.Source].Stamp
		return t
	}
	// A new file may be a copy of a known one, so the known ones come first.
	isNew := func(f file) bool { return transcript(f).State == "" }
	order := append(slices.DeleteFunc(slices.Clone(found), isNew), slices.DeleteFunc(slices.Clone(found), func(f file) bool { return !isNew(f) })...)
	// A large file does not keep others from their turn.
	if n := 1 + slices.IndexFunc(order, func(f file) bool { return f.path == p.last }); n > 0 {
		order = append(slices.Clone(order[n:]), order[:n]...)
	}
	p.last = ""
	for i, f := range order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.left <= 0 {
			p.result.More, p.last = true, order[max(0, i-1)].path
			break
		}
		t, more := transcript(f), false
		if t.Stamp != f.stamp {
			if more, err = p.read(ctx, f, t); err != nil {
				return err
			}
		}
		if more {
			p.result.More = true
			continue
		}
		p.done[f.path] = f.stamp
		if p.messages >= batch {
			if err := p.flush(ctx); err != nil {
				return err
			}
		}
	}
	return p.flush(ctx)
}

// read reads a piece of a file. more says that there is another piece.
func (p *pass) read(ctx context.Context, f file, t operational.Transcript) (more bool, err error) {
	cursor, spoilt := spending.DecodeCursor(t.State)
	most := int64(fileBytes)
	if cursor.Dir == "" && f.format != spending.OpenCode {
		most = peekBytes
	}
	got, err := spending.Read(f.format, f.path, cursor, min(most, p.left))
	if err != nil {
		p.result.Failed = append(p.result.Failed, err)
		return false, nil
	}
	p.left -= 4 << 10 // what a small file costs
	if f.format != spending.OpenCode {
		p.left -= max(0, got.Next.Offset-cursor.Offset)
		switch {
		case got.Next.Dir == "": // nobody knows yet what it is of
			return false, nil
		case !within(p.Root, got.Next.Dir):
			p.foreign[f.path] = true
			return false, nil
		}
	} else if got.More {
		p.left -= most
	}
	one := piece{read: operational.Read{Before: t, Anew: got.Anew || t.State != "" && spoilt != nil, Stamp: f.stamp}}
	if got.More {
		one.read.Stamp = "" // it is read on
	}
	now := p.Now()
	first := operational.Unsettled(now)
	one.list = slices.DeleteFunc(got.Messages, func(m spending.Message) bool {
		return !within(p.Root, m.Dir) || spending.Day(believable(m.At, now)) < first
	})
	if f.copies {
		if err := p.own(ctx, t, &got.Next, &one); err != nil {
			return false, err
		}
	}
	one.read.State = got.Next.Encode()
	p.pieces = append(p.pieces, one)
	p.messages += len(one.list)
	return got.More, nil
}

// own leaves out the messages at the beginning of a transcript that were counted in another
// one of its folder: a conversation that goes on in a new file begins with a copy.
func (p *pass) own(ctx context.Context, t operational.Transcript, next *spending.Cursor, one *piece) (err error) {
	if !next.Own && len(one.list) > 0 {
		if err := p.flush(ctx); err != nil { // so that the copy's origin is counted
			return err
		}
		counted, err := p.rows.CountedMessages(ctx, t)
		if err != nil {
			return err
		}
		first := slices.IndexFunc(one.list, func(m spending.Message) bool { return m.ID == "" || !counted[digest(m.ID)] })
		if next.Own = first >= 0; !next.Own {
			first = len(one.list)
		}
		one.list = one.list[first:]
	}
	for _, m := range one.list {
		if m.ID != "" && !m.Again {
			one.read.Messages = append(one.read.Messages, digest(m.ID))
		}
	}
	return nil
}

// digest is the beginning of a message's digest.
func digest(id string) uint64 {
	b, _ := hex.DecodeString(string(town.DigestOf("message", id))[:16]) // a digest is in hexadecimal digits
	return binary.BigEndian.Uint64(b)
}

// flush records what was read, in one transaction.
func (p *pass) flush(ctx context.Context) error {
	whole := true
	if len(p.pieces) > 0 {
		if err := p.sums(ctx); err != nil {
			return err
		}
		var list []operational.Read
		for _, one := range p.pieces {
			list = append(list, one.read)
		}
		recorded, err := p.rows.Spend(ctx, list, p.Now())
		if err != nil {
			return err
		}
		for i, one := range p.pieces {
			if !recorded[i] { // another process was faster; the next pass sees what it did
				whole = false
				continue
			}
			p.result.Read++
			for _, s := range one.read.Sums {
				p.result.Sums = append(p.result.Sums, s.Sum)
			}
			for _, m := range one.list {
				if !m.Again {
					p.result.Messages++
				}
			}
		}
	}
	for path, stamp := range p.done {
		if whole {
			p.seen[path] = stamp
		}
	}
	p.pieces, p.messages = nil, 0
	clear(p.done)
	return nil
}
