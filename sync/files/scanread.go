package files

import (
	"crypto/sha256"
	"strings"

	"gastown/town"
)

func (s *scan) unchanged(known ref, now stamp) bool {
	was, racy := s.ix.stampOf(known)
	return !racy && was == now
}

// readChanged reads a file the Index cannot vouch for.
func (s *scan) readChanged(w *worker, file, name string, known ref) {
	s.clock.Do(func() {
		if now, ok := fsNow(s.fd); ok {
			s.limit = grainBefore(now)
		}
	})
	text, seen, err := s.read(s.ctx, file)
	if err != nil {
		if !gone(err) {
			w.invalid = append(w.invalid, s.invalid(file, err))
		} else if known != none {
			w.deleted = append(w.deleted, deletion(s.ix.record(known)))
		}
		return
	}
	racy := max(seen.mtime, seen.ctime) >= s.limit
	sum := sha256.Sum256(text)
	c := Change{Key: town.Key{Kind: kinds[s.kind], Name: strings.Clone(name)}, Content: hexDigest(sum), seen: seen, racy: racy}
	if known != none {
		r := s.ix.record(known)
		if r.content == sum {
			if r.stamp != seen || r.racy != racy {
				r.stamp, r.racy = seen, racy
				w.refresh = append(w.refresh, r)
			}
			return
		}
		c.Base = r.baseDigest()
	}
	c.Text, c.Size = string(text), int64(len(text))
	if c.Meta, err = Check(c.Key, c.Text); err != nil {
		w.invalid = append(w.invalid, s.invalid(file, err))
		return
	}
	if s.kept.Add(c.Size) > s.textBytes {
		s.kept.Add(-c.Size)
		c.Text, c.Unread = "", true
	}
	if known != none {
		w.modified = append(w.modified, c)
	} else {
		w.added = append(w.added, c)
	}
}
