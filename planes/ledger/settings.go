package ledger

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"gastown/planes/doltdb"
	"gastown/town"
)

// What a setting may hold.
const (
	MaxSettingName = 255     // bytes
	MaxSetting     = 1 << 16 // bytes of a value
)

// KeyValues begins the names of the settings that are pairs of bd kv.
const KeyValues = "kv."

// Setting is a named value of the ledger. Only CustomStatuses and CustomTypes have a
// meaning here; others are kept for programs that know them.
type Setting struct {
	Name  string `json:"key"`
	Value string `json:"value"`
}

// Check reports what is wrong with the setting.
func (s Setting) Check() error {
	if err := checkName("setting", s.Name, MaxSettingName); err != nil {
		return err
	}
	if err := town.CheckText("setting "+town.Clip(s.Name, 40), s.Value, MaxSetting); err != nil {
		return err
	}
	return s.checkWords()
}

// checkName refuses a name that people cannot type and read: it is printable, begins
// and ends with no space, and has at most max bytes.
func checkName(what, name string, max int) error {
	bad := func(r rune) bool { return !unicode.IsPrint(r) }
	if name == "" || len(name) > max || name != strings.TrimSpace(name) || !utf8.ValidString(name) || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%w: %s %q: use a name of at most %d printable bytes, with no space at its ends", town.ErrUsage, what, town.Clip(name, 40), max)
	}
	return nil
}

// SetSettings stores settings, all or none, in one commit. Settings that have their
// value already are left alone.
func (s *Store) SetSettings(ctx context.Context, list ...Setting) error {
	for _, set := range list {
		if err := set.Check(); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	return s.write(ctx, fmt.Sprintf("set %s", settingNames(list)), func(q txn) error {
		r := s.change()
		if err := q.setSettings(ctx, r, list); err != nil {
			return err
		}
		return r.store(ctx, q)
	})
}

// setSettings stores settings in a transaction, and records what changed.
func (q txn) setSettings(ctx context.Context, r *rows, list []Setting) error {
	for _, set := range list {
		was, there, err := q.setting(ctx, set.Name)
		if err != nil {
			return err
		}
		if there && was == set.Value {
			continue
		}
		if err := q.checkRemoval(ctx, set.Name, was, set.Value); err != nil {
			return err
		}
		if _, err := q.exec(ctx, "REPLACE INTO settings (name, value) VALUES (?, ?)", set.Name, set.Value); err != nil {
			return err
		}
		r.note(TrailSettings, "updated", set.Name, was, set.Value)
	}
	return nil
}

func settingNames(list []Setting) string {
	names := make([]string, len(list))
	for i, set := range list {
		names[i] = set.Name
	}
	return town.Clip(strings.Join(names, ", "), 72)
}

// Setting returns the value of a setting; ok is false where it has none.
func (s *Store) Setting(ctx context.Context, name string) (value string, ok bool, err error) {
	err = s.read(ctx, func(q txn) error {
		value, ok, err = q.setting(ctx, name)
		return err
	})
	return value, ok, err
}

func (q txn) setting(ctx context.Context, name string) (value string, ok bool, err error) {
	err = q.each(ctx, func(rows *doltdb.Rows) error {
		ok = true
		return rows.Scan(&value)
	}, "SELECT value FROM settings WHERE name = ?", name)
	return value, ok, err
}

// Settings returns the settings whose names begin with a prefix, by name.
func (s *Store) Settings(ctx context.Context, prefix string) (list []Setting, err error) {
	err = s.read(ctx, func(q txn) error {
		list = nil
		return q.each(ctx, func(rows *doltdb.Rows) error {
			var set Setting
			err := rows.Scan(&set.Name, &set.Value)
			list = append(list, set)
			return err
		}, "SELECT name, value FROM settings WHERE name LIKE ? ORDER BY name", like(prefix)+"%")
	})
	return list, err
}

// DeleteSetting removes a setting, and reports whether there was one.
func (s *Store) DeleteSetting(ctx context.Context, name string) (deleted bool, err error) {
	err = s.write(ctx, "unset "+town.Clip(name, 72), func(q txn) error {
		var was string
		if was, deleted, err = q.setting(ctx, name); err != nil || !deleted {
			return err
		}
		if err := q.checkRemoval(ctx, name, was, ""); err != nil {
			return err
		}
		if _, err := q.exec(ctx, "DELETE FROM settings WHERE name = ?", name); err != nil {
			return err
		}
		r := s.change()
		r.note(TrailSettings, "deleted", name, was, "")
		return r.store(ctx, q)
	})
	return deleted, err
}
