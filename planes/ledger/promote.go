package ledger

import (
	"bytes"
	"encoding/json"

	"gastown/town"
)

// promoted are fields that earlier versions stored among the Extra of a bead. Each
// function takes a value over into the bead's own field, and reports false for a
// value that the field cannot hold; nil empties the field.
var promoted = map[string]func(*town.Bead, json.RawMessage) bool{
	"spec_id": func(b *town.Bead, raw json.RawMessage) bool {
		b.SpecID = ""
		return raw == nil || json.Unmarshal(raw, &b.SpecID) == nil && town.CheckText("spec_id", b.SpecID, town.MaxSpecBytes) == nil
	},
	"metadata": func(b *town.Bead, raw json.RawMessage) bool {
		var ok bool
		b.Metadata, ok = objectOf(raw)
		return ok
	},
	"ephemeral":   promoteFlag(func(b *town.Bead) *bool { return &b.Ephemeral }),
	"is_template": promoteFlag(func(b *town.Bead) *bool { return &b.Template }),
	"pinned":      promoteFlag(func(b *town.Bead) *bool { return &b.Pinned }),
}

func promoteFlag(field func(*town.Bead) *bool) func(*town.Bead, json.RawMessage) bool {
	return func(b *town.Bead, raw json.RawMessage) bool {
		*field(b) = false
		return raw == nil || json.Unmarshal(raw, field(b)) == nil
	}
}

// promote moves fields of a bead from Extra to where they belong. The migration that
// added their columns left the values there, until the bead is written again. A value
// that the field cannot hold stays in Extra.
func promote(b *town.Bead) {
	for name, take := range promoted {
		raw, there := b.Extra[name]
		switch {
		case !there:
		case take(b, raw):
			delete(b.Extra, name)
		default:
			_ = take(b, nil)
		}
	}
	if len(b.Extra) == 0 {
		b.Extra = nil
	}
}

// objectOf is a JSON object without spaces, which may stand in a JSON string. It is
// nil for an empty object, and ok is false for anything else.
func objectOf(raw json.RawMessage) (object json.RawMessage, ok bool) {
	raw = unquoted(raw)
	switch string(raw) {
	case "", "null", `""`, "{}":
		return nil, true
	}
	var flat bytes.Buffer
	if json.Compact(&flat, raw) != nil || flat.Bytes()[0] != '{' {
		return nil, false
	}
	if flat.Len() == len("{}") {
		return nil, true
	}
	return flat.Bytes(), true
}
