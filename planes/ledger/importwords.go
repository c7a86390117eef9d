package ledger

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gastown/town"
)

// adoptWords makes statuses and types that the ledger does not know custom ones.
func (in *importing) adoptWords(ctx context.Context, q txn, beads []town.Bead) error {
	var words *Words
	fresh := map[string][]string{}
	note := func(b *town.Bead, setting, what, word string) {
		fresh[setting] = append(fresh[setting], word)
		in.result.warn("line %d: the %s %q is new here, and was added to %s", in.lines[b.ID], what, word, setting)
	}
	for i := range beads {
		b := &beads[i]
		if slices.Contains(town.Statuses, b.Status) && slices.Contains(town.BeadTypes, b.Type) {
			continue
		}
		if words == nil {
			w, err := q.words(ctx)
			if err != nil {
				return err
			}
			words = &w
		}
		if !slices.Contains(words.Statuses, b.Status) {
			words.Statuses = append(words.Statuses, b.Status)
			note(b, CustomStatuses, "status", string(b.Status))
		}
		if !slices.Contains(words.Types, b.Type) {
			words.Types = append(words.Types, b.Type)
			note(b, CustomTypes, "type", string(b.Type))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fresh)) {
		was, _, err := q.setting(ctx, name)
		if err != nil {
			return err
		}
		all := strings.Join(append(slices.DeleteFunc([]string{was}, func(s string) bool { return s == "" }), fresh[name]...), ",")
		set := Setting{name, all}
		if err := set.Check(); err != nil {
			return err
		}
		if err := q.setSettings(ctx, in.rows, []Setting{set}); err != nil {
			return err
		}
	}
	return nil
}
