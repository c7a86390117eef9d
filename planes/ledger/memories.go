package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gastown/planes/doltdb"
	"gastown/town"
)

// MaxMemoryName is how many bytes the name of a memory may have. Its text may have
// town.MaxTextBytes.
const MaxMemoryName = 255

// Memory is a text that agents are to know, under a name. Empty times and an empty
// author become the current time and the Store's actor when it is stored.
type Memory struct {
	Name      string    `json:"key"`
	Text      string    `json:"value"`
	Author    string    `json:"author,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Check reports what is wrong with the memory.
func (m Memory) Check() error {
	if err := checkName("memory", m.Name, MaxMemoryName); err != nil {
		return err
	}
	if strings.TrimSpace(m.Text) == "" {
		return fmt.Errorf("%w: memory %s is empty", town.ErrBadBead, town.Clip(m.Name, 40))
	}
	if err := town.CheckText("author", m.Author, town.MaxNameBytes); err != nil {
		return err
	}
	return town.CheckText("memory "+town.Clip(m.Name, 40), m.Text, town.MaxTextBytes)
}

// Remember stores memories, all or none, in one commit, and returns how many are new
// and how many changed. One that exists keeps the time when it was made, and is left
// alone if its text is the same.
func (s *Store) Remember(ctx context.Context, list ...Memory) (added, changed int, err error) {
	for _, m := range list {
		if err := m.Check(); err != nil {
			return 0, 0, err
		}
	}
	if len(list) == 0 {
		return 0, 0, nil
	}
	message := fmt.Sprintf("remember %d memories", len(list))
	if len(list) == 1 {
		message = "remember " + town.Clip(list[0].Name, 72)
	}
	err = s.write(ctx, message, func(q txn) error {
		r := s.change()
		if added, changed, err = q.remember(ctx, r, list); err != nil {
			return err
		}
		return r.store(ctx, q)
	})
	return added, changed, err
}

// remember stores memories in a transaction.
func (q txn) remember(ctx context.Context, r *rows, list []Memory) (added, changed int, err error) {
	here, err := q.memories(ctx, "")
	if err != nil {
		return 0, 0, err
	}
	known := make(map[string]Memory, len(here))
	for _, m := range here {
		known[m.Name] = m
	}
	for _, m := range list {
		was, there := known[m.Name]
		if there && was.Text == m.Text {
			continue
		}
		kind := "created"
		m.Author, m.UpdatedAt = or(m.Author, r.actor), orTime(m.UpdatedAt, r.at)
		m.CreatedAt = orTime(m.CreatedAt, m.UpdatedAt)
		if there {
			kind, m.CreatedAt = "updated", was.CreatedAt
			changed++
		} else {
			added++
		}
		known[m.Name] = m
		if err := town.CheckTime("created_at", m.CreatedAt); err != nil {
			return 0, 0, err
		}
		if err := town.CheckTime("updated_at", m.UpdatedAt); err != nil {
			return 0, 0, err
		}
		_, err := q.exec(ctx, "REPLACE INTO memories (name, text, author, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
			m.Name, m.Text, m.Author, stamp(m.CreatedAt), stamp(m.UpdatedAt))
		if err != nil {
			return 0, 0, err
		}
		r.note(TrailMemories, kind, m.Name, was.Text, m.Text)
	}
	return added, changed, nil
}

// Memories returns the memories by name. With a text it returns those that have it in
// their name or text, ignoring case.
func (s *Store) Memories(ctx context.Context, text string) ([]Memory, error) {
	read := func(ctx context.Context) (list []Memory, err error) {
		err = s.read(ctx, func(q txn) error {
			list, err = q.memories(ctx, text)
			return err
		})
		return list, err
	}
	if s.caches == nil {
		return read(ctx)
	}
	return cached(ctx, s, "memories", []any{text}, slices.Clone[[]Memory], read)
}

func (q txn) memories(ctx context.Context, text string) (list []Memory, err error) {
	w := &where{}
	if text != "" {
		text = strings.ToLower(text)
		w.add("(INSTR(LOWER(name), ?) > 0 OR INSTR(LOWER(text), ?) > 0)", text, text)
	}
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		var m Memory
		err := rows.Scan(&m.Name, &m.Text, &m.Author, timeTo{&m.CreatedAt}, timeTo{&m.UpdatedAt})
		list = append(list, m)
		return err
	}, "SELECT name, text, author, created_at, updated_at FROM memories"+w.String()+" ORDER BY name", w.args...)
	return list, err
}

// Recall returns a memory; ok is false where there is none of that name.
func (s *Store) Recall(ctx context.Context, name string) (m Memory, ok bool, err error) {
	err = s.read(ctx, func(q txn) error {
		return q.each(ctx, func(rows *doltdb.Rows) error {
			ok = true
			return rows.Scan(&m.Name, &m.Text, &m.Author, timeTo{&m.CreatedAt}, timeTo{&m.UpdatedAt})
		}, "SELECT name, text, author, created_at, updated_at FROM memories WHERE name = ?", name)
	})
	return m, ok, err
}

// Forget removes a memory, and reports whether there was one. The audit trail and the
// history of the database keep its text.
func (s *Store) Forget(ctx context.Context, name string) (forgotten bool, err error) {
	err = s.write(ctx, "forget "+town.Clip(name, 72), func(q txn) error {
		forgotten = false
		was := ""
		err := q.each(ctx, func(rows *doltdb.Rows) error {
			forgotten = true
			return rows.Scan(&was)
		}, "SELECT text FROM memories WHERE name = ?", name)
		if err != nil || !forgotten {
			return err
		}
		if _, err := q.exec(ctx, "DELETE FROM memories WHERE name = ?", name); err != nil {
			return err
		}
		r := s.change()
		r.note(TrailMemories, "deleted", name, was, "")
		return r.store(ctx, q)
	})
	return forgotten, err
}
