package ledger

import "gastown/town"

// The audit trail has entries about settings and memories under these names, which no
// bead can have. Their Field is the name of the setting or memory.
const (
	TrailSettings = "(settings)"
	TrailMemories = "(memories)"
)

// maxEventField is how many bytes of a name the audit trail stores.
const maxEventField = 64

// note records a change of a setting or a memory in the audit trail; trail is one of
// the names above.
func (r *rows) note(trail, kind, name, before, after string) {
	r.event(trail, kind, town.Clip(name, maxEventField), before, after)
}
