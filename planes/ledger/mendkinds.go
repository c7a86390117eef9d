package ledger

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gastown/town"
)

// mendKinds mends fields whose values are of another kind than theirs, and reports
// whether there were any. Of the values that may be meant the first one is taken that
// the field can hold.
func (p *parsed) mendKinds(fields map[string]json.RawMessage, known []string) (mended bool) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(known, name) || decodeField(name, fields[name], new(wireBead)) == nil {
			continue
		}
		for _, like := range resembling(name, fields[name]) {
			if decodeField(name, like, new(wireBead)) == nil {
				p.mended("%s %s is taken as %s", name, town.Clip(string(fields[name]), 40), town.Clip(string(like), 40))
				fields[name], mended = like, true
				break
			}
		}
	}
	return mended
}

// partKeys name the text that a part of a list is about, where people write the text
// alone.
var partKeys = map[string]string{"dependencies": "depends_on_id", "comments": "text"}

// resembling are the values of other kinds that may be meant by the value of a field.
func resembling(name string, raw json.RawMessage) (list []json.RawMessage) {
	var text string
	var parts []json.RawMessage
	isText := json.Unmarshal(raw, &text) == nil
	switch text = strings.TrimSpace(text); {
	case isText && text == "":
		return append(list, json.RawMessage("null"))
	case name == "labels" && isText:
		return append(list, asJSON(strings.Split(text, ",")))
	case name == "labels" && isNumber(raw):
		return append(list, asJSON([]string{string(raw)}))
	case name == "labels" && json.Unmarshal(raw, &parts) == nil:
		for i, part := range parts {
			parts[i] = numberAsText(part)
		}
		return append(list, asJSON(parts))
	case partKeys[name] != "" && json.Unmarshal(raw, &parts) == nil:
		for i, part := range parts {
			parts[i] = mendPart(partKeys[name], part)
		}
		return append(list, asJSON(parts))
	case text == "true", text == "false":
		return append(list, json.RawMessage(text))
	case isText:
		return wholeNumber(text)
	case isNumber(raw):
		return append(wholeNumber(string(raw)), numberAsText(raw))
	}
	return nil
}

// mendPart makes an object of a text, the value of a key, and texts of the numbers in an
// object. Dates may be numbers.
func mendPart(key string, part json.RawMessage) json.RawMessage {
	var text string
	var object map[string]json.RawMessage
	switch {
	case json.Unmarshal(part, &object) == nil && object != nil:
		for name, value := range object {
			if name != "created_at" {
				object[name] = numberAsText(value)
			}
		}
		return asJSON(object)
	case string(part) != "null" && json.Unmarshal(numberAsText(part), &text) == nil:
		return asJSON(map[string]string{key: text})
	}
	return part
}

// wholeNumber is the whole number next to the number that a text is; none if it is no
// number or too large for any field.
func wholeNumber(text string) (list []json.RawMessage) {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || math.Abs(value) > math.MaxInt32 {
		return nil
	}
	return append(list, strconv.AppendInt(nil, int64(math.Round(value)), 10))
}

// numberAsText is the JSON text of a number as it is written; other JSON stays.
func numberAsText(raw json.RawMessage) json.RawMessage {
	if isNumber(raw) {
		return asJSON(string(raw))
	}
	return raw
}

func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// asJSON writes texts or JSON, which never fails.
func asJSON(v any) json.RawMessage {
	raw, _ := json.Marshal(v)
	return raw
}
