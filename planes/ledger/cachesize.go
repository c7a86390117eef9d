package ledger

import "gastown/town"

// pointerBytes is about how many bytes a field of a bead takes beside its text.
const pointerBytes = 400

func beadSize(b *town.Bead) int64 {
	n := textSize(b) + pointerBytes
	for _, c := range b.Comments {
		n += int64(len(c.Text)) + pointerBytes
	}
	return n
}

// textSize is how many bytes the text of a bead takes, without its comments.
func textSize(b *town.Bead) int64 {
	n := 0
	for _, c := range columns {
		if text, ok := c.get(b).(string); ok {
			n += len(text)
		}
	}
	for _, l := range b.Labels {
		n += len(l)
	}
	return int64(n)
}

func detailSize(d Detail) int64 {
	n := beadSize(&d.Bead)
	for _, b := range linkedBeads(&d) {
		n += beadSize(b)
	}
	return n
}

func resultSize(v any) (n int64) {
	switch v := v.(type) {
	case []Item:
		for i := range v {
			n += beadSize(&v[i].Bead)
		}
	case []Detail:
		for _, d := range v {
			n += detailSize(d)
		}
	case []Waiting:
		for i := range v {
			n += beadSize(&v[i].Bead)
			for _, id := range v[i].BlockedBy {
				n += int64(len(id)) + pointerBytes
			}
		}
	case map[string][]string:
		for id, by := range v {
			n += int64(len(id)) + pointerBytes
			for _, other := range by {
				n += int64(len(other)) + pointerBytes
			}
		}
	case []Memory:
		for _, m := range v {
			n += int64(len(m.Name) + len(m.Text) + len(m.Author))
		}
	case Stats:
		n = int64(len(v.ByStatus)+len(v.ByType)+len(v.ByPriority)+len(v.ByAssignee)) * pointerBytes
	}
	return n
}
