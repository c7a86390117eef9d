package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gastown/town"
)

// maxBatchFile is how large a batch file may be, in bytes.
const maxBatchFile = 256 << 20

// jsonSpace is what may stand between the values of JSON.
const jsonSpace = " \t\r\n"

// ReadPatches reads a batch file: an array of patches, or patches one after the
// other, one to a line if people like. The keys are those of Patch; null clears
// a field. Every bad patch is in the BatchError it returns, by its line.
func ReadPatches(r io.Reader) ([]Patch, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBatchFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the batch: %w", err)
	}
	if len(text) > maxBatchFile {
		return nil, fmt.Errorf("%w: the batch is larger than %d bytes", town.ErrBadBead, maxBatchFile)
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%w: the batch is not UTF-8", town.ErrBadBead)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	array := bytes.HasPrefix(bytes.TrimLeft(text, jsonSpace), []byte("["))
	if array {
		// It cannot fail: the bracket is there.
		_, _ = dec.Token()
	}
	var patches []Patch
	var bad batch
	for i := 0; !array || dec.More(); i++ {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) && !array {
			break
		}
		if err != nil { // nothing behind it can be read
			bad.add(i, lineAt(text, errorOffset(text, dec.InputOffset())), "", fmt.Errorf("malformed JSON: %w", err))
			return nil, bad.err()
		}
		line := lineAt(text, dec.InputOffset()-int64(len(raw)))
		p, err := parsePatch(raw)
		p.Line = line
		bad.add(i, line, p.ID, err)
		patches = append(patches, p)
	}
	if array {
		if err := endOfArray(dec); err != nil {
			bad.add(len(patches), lineAt(text, errorOffset(text, dec.InputOffset())), "", fmt.Errorf("malformed JSON: %w", err))
		}
	}
	return patches, bad.err()
}

// lineAt is the number of the line an offset is in.
func lineAt(text []byte, offset int64) int { return 1 + bytes.Count(text[:offset], []byte("\n")) }

// endOfArray expects the bracket that closes the array, and nothing behind it.
func endOfArray(dec *json.Decoder) error {
	_, err := dec.Token()
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	if _, err = dec.Token(); errors.Is(err, io.EOF) {
		return nil
	} else if err == nil {
		err = fmt.Errorf("%w: something stands behind the array", town.ErrBadBead)
	}
	return err
}

// errorOffset is where the text after what a decoder reached goes wrong. The
// decoder's own errors count without the brackets and commas of the array.
func errorOffset(text []byte, reached int64) int64 {
	rest := bytes.TrimLeft(text[reached:], jsonSpace)
	if reached > 0 {
		rest = bytes.TrimLeft(bytes.TrimPrefix(rest, []byte(",")), jsonSpace)
	}
	at := int64(len(text) - len(rest))
	var raw json.RawMessage
	var syntax *json.SyntaxError
	switch err := json.NewDecoder(bytes.NewReader(rest)).Decode(&raw); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return int64(len(text))
	case errors.As(err, &syntax):
		return at + max(syntax.Offset-1, 0)
	}
	return at
}

// patchFields are the JSON keys of a Patch.
var patchFields = func() (names []string) {
	for f := range reflect.TypeFor[Patch]().Fields() {
		if name := f.Tag.Get("json"); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}()

func parsePatch(raw json.RawMessage) (Patch, error) {
	var p Patch
	var fields map[string]json.RawMessage
	if err := decode(raw, &fields); err != nil {
		return p, err
	}
	if err := exactNames(fields, patchFields); err != nil {
		return p, err
	}
	if err := decode(raw, &p); err != nil {
		return p, err
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case !slices.Contains(patchFields, name):
			errs = append(errs, unknownField(name, patchFields))
		case string(fields[name]) == "null":
			errs = append(errs, p.clear(name))
		}
	}
	if p.ID == "" {
		errs = append(errs, fmt.Errorf("%w: id is missing", town.ErrBadBead))
	}
	return p, errors.Join(errs...)
}

// clear makes a patch empty a field.
func (p *Patch) clear(name string) error {
	empty, none := "", -1
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
	case "owner":
		p.Owner = &empty
	case "external_ref":
		p.ExternalRef = &empty
	case "parent":
		p.Parent = &empty
	default:
		return fmt.Errorf("%w: %s cannot be null", town.ErrBadBead, strings.TrimSpace(name))
	}
	return nil
}
