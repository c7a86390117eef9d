package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gastown/town"
)

var jsonUnknown = regexp.MustCompile(`^json: unknown field "(.*)"$`)

// JSON decodes exactly one value, whose every field must be known. ErrEmpty when
// there is none.
func JSON(data []byte, value any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(value); errors.Is(err, io.EOF) {
		return ErrEmpty
	} else if err != nil {
		return explainJSON(err, data, reflect.TypeOf(value))
	}
	if err := dec.Decode(new(json.RawMessage)); !errors.Is(err, io.EOF) {
		return fault(lineAt(data, dec.InputOffset()), "something follows the JSON value")
	}
	return nil
}

func explainJSON(err error, data []byte, into reflect.Type) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fault(lineAt(data, syntax.Offset), "malformed JSON: %s", town.Clip(syntax.Error(), 200))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault(lineAt(data, int64(len(data))), "malformed JSON: it ends too early")
	case errors.As(err, &kind):
		what := "the value"
		if kind.Field != "" {
			what = fmt.Sprintf("%q", town.Clip(kind.Field, 80))
		}
		return fault(lineAt(data, kind.Offset), "%s may not be a JSON %s", what, town.Clip(kind.Value, 80))
	}
	if m := jsonUnknown.FindStringSubmatch(err.Error()); m != nil {
		return fault(lineOf(data, m[1]), "%s", unknown(m[1], "", jsonNames(into, 0)))
	}
	return fault(0, "%s", town.Clip(strings.TrimPrefix(err.Error(), "json: "), 200))
}

// lineOf is the line of an unknown field. The library does not say where it is,
// so this is known only for one that stands there once.
func lineOf(data []byte, field string) int {
	quoted, err := json.Marshal(field)
	if err != nil || bytes.Count(data, quoted) != 1 {
		return 0
	}
	return lineAt(data, int64(bytes.Index(data, quoted)))
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), int64(len(data)))], []byte("\n"))
}

// maxNesting bounds how deep types are looked into.
const maxNesting = 8

// jsonNames are the names of all fields of a type and of those below it.
func jsonNames(t reflect.Type, depth int) (all []string) {
	for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map) {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct || depth > maxNesting {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() && !f.Anonymous {
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			all = append(all, name)
		}
		all = append(all, jsonNames(f.Type, depth+1)...)
	}
	return all
}

func sorted(known map[string]reflect.Type) []string { return slices.Sorted(maps.Keys(known)) }
