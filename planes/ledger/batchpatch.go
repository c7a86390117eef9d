package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"gastown/town"
)

// patchFields are the JSON keys of a Patch.
var patchFields = jsonKeys(reflect.TypeFor[Patch]())

// parsePatch reads one patch. When anything is wrong with it, all errors are
// returned, and the patch holds only the id.
func parsePatch(raw json.RawMessage) (Patch, []error) {
	var p Patch
	var fields map[string]json.RawMessage
	if err := decode(raw, &fields); err != nil {
		return p, []error{err}
	}
	errs := duplicateKeys(raw)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(patchFields, name) {
			errs = append(errs, unknownField(name, patchFields))
			continue
		}
		if err := p.set(name, fields[name]); err != nil {
			errs = append(errs, err)
		}
	}
	if raw, named := fields["id"]; p.ID == "" && (!named || string(raw) == `""`) {
		errs = append(errs, fmt.Errorf("%w: id is missing", town.ErrBadBead))
	}
	if len(errs) > 0 {
		p = Patch{ID: p.ID}
	}
	return p, errs
}

// duplicateKeys reports the keys that an object has more than once. The JSON
// library would silently use the last one.
func duplicateKeys(object json.RawMessage) (errs []error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	times := map[string]int{}
	// Nothing below can fail, because the object was decoded before.
	_, _ = dec.Token()
	for dec.More() {
		key, _ := dec.Token()
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return errs
		}
		name, _ := key.(string)
		if times[name]++; times[name] == 2 {
			errs = append(errs, fmt.Errorf("%w: %q occurs twice", town.ErrBadBead, town.Clip(name, 80)))
		}
	}
	return errs
}

// set reads the value of one key.
func (p *Patch) set(name string, value json.RawMessage) error {
	if string(value) == "null" {
		return p.clear(name)
	}
	err := decodeField(name, value, p)
	if err == nil && p.EstimatedMinutes != nil && *p.EstimatedMinutes < 0 && name == "estimated_minutes" {
		err = fmt.Errorf("%w: estimated_minutes %d; null is none", town.ErrBadBead, *p.EstimatedMinutes)
	}
	return err
}

// clear makes a patch empty a field.
func (p *Patch) clear(name string) error {
	empty, none, no := "", -1, false
	switch name {
	case "due_at":
		p.DueAt = &time.Time{}
	case "defer_until":
		p.DeferUntil = &time.Time{}
	case "estimated_minutes":
		p.EstimatedMinutes = &none
	case "labels":
		p.Labels = &[]string{}
	case "description":
		p.Description = &empty
	case "design":
		p.Design = &empty
	case "acceptance_criteria":
		p.AcceptanceCriteria = &empty
	case "notes":
		p.Notes = &empty
	case "assignee":
		p.Assignee = &empty
	case "if_assignee":
		p.IfAssignee = &empty
	case "owner":
		p.Owner = &empty
	case "external_ref":
		p.ExternalRef = &empty
	case "parent":
		p.Parent = &empty
	case "spec_id":
		p.SpecID = &empty
	case "metadata":
		p.Metadata = &json.RawMessage{}
	case "ephemeral":
		p.Ephemeral = &no
	case "is_template":
		p.Template = &no
	case "pinned":
		p.Pinned = &no
	default:
		return fmt.Errorf("%w: %s cannot be null", town.ErrBadBead, strings.TrimSpace(name))
	}
	return nil
}
