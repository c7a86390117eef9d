package strict

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"gastown/town"
)

// TOML decodes a text into the value, whose every field must be known.
func TOML(data []byte, value any) error {
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8 text")
	}
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(value)
	var missing *toml.StrictMissingError
	if !errors.As(err, &missing) {
		return ExplainTOML(err)
	}
	out := &Error{}
	for _, e := range missing.Errors {
		key := []string(e.Key())
		line, _ := e.Position()
		in, field := strings.Join(key[:max(len(key)-1, 0)], "."), key[len(key)-1]
		out.Faults = append(out.Faults, Fault{line, unknown(field, in, tomlSiblings(reflect.TypeOf(value), key))})
	}
	return out
}

var tomlKind = regexp.MustCompile(`^cannot decode TOML (.+) into .+ of type .+$`)

// ExplainTOML words an error of the TOML library in terms of the text instead of
// Go's types, as an *Error. Nil stays nil.
func ExplainTOML(err error) error {
	if err == nil {
		return nil
	}
	f := Fault{Reason: strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "toml: ")), " ")}
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		f.Line, _ = d.Position()
		if m := tomlKind.FindStringSubmatch(f.Reason); m != nil {
			f.Reason = "has a " + m[1] + " where none may be"
			if key := strings.Join(d.Key(), "."); key != "" {
				f.Reason = fmt.Sprintf("%q may not be a TOML %s", town.Clip(key, 80), m[1])
			}
		}
	}
	f.Reason = town.Clip(f.Reason, 200)
	return &Error{[]Fault{f}}
}

// tomlSiblings are the names that could stand in the place of an unknown key,
// which is the last of a path.
func tomlSiblings(t reflect.Type, path []string) []string {
	for _, name := range path {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() == reflect.Map {
			t = t.Elem()
			continue
		}
		if t.Kind() != reflect.Struct {
			return nil
		}
		known := map[string]reflect.Type{}
		for i := range t.NumField() {
			f := t.Field(i)
			if name, _, _ := strings.Cut(f.Tag.Get("toml"), ","); name != "" && name != "-" {
				known[name] = f.Type
			}
		}
		if known[name] == nil {
			return sorted(known)
		}
		t = known[name]
	}
	return nil
}
