package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"gastown/town"
)

// maxBatchFile is how large a batch file may be, in bytes.
const maxBatchFile = 256 << 20

// jsonSpace are the characters that may stand between JSON values.
const jsonSpace = " \t\r\n"

// ReadPatches reads a batch file: an array of patches, or patches one after the
// other, for instance one a line. The keys are those of Patch, each at most
// once; null clears a field. The BatchError it returns lists every fault by the
// line on which its patch begins. The valid patches are returned beside the
// error, so that CheckPatches can find the faults that only the ledger shows.
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
		// It cannot fail, because the bracket was seen.
		_, _ = dec.Token()
	}
	var patches []Patch
	var bad batch
	i := 0
	for ; !array || dec.More(); i++ {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) && !array {
			break
		}
		if err != nil { // nothing behind it can be read
			bad.add(i, lineAt(text, errorOffset(text, dec.InputOffset())), "", fmt.Errorf("malformed JSON: %w", err))
			return patches, bad.err()
		}
		p, errs := parsePatch(raw)
		p.Line = lineAt(text, dec.InputOffset()-int64(len(raw)))
		for _, err := range errs {
			bad.add(i, p.Line, p.ID, err)
		}
		if len(errs) == 0 {
			patches = append(patches, p)
		}
	}
	if array {
		if err := endOfArray(dec); err != nil {
			bad.add(i, lineAt(text, errorOffset(text, dec.InputOffset())), "", fmt.Errorf("malformed JSON: %w", err))
		}
	}
	return patches, bad.err()
}

// lineAt is the number of the line that contains an offset.
func lineAt(text []byte, offset int64) int { return 1 + bytes.Count(text[:offset], []byte("\n")) }

// endOfArray expects the bracket that closes the array, and nothing after it.
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
		err = fmt.Errorf("%w: there is text after the array", town.ErrBadBead)
	}
	return err
}

// errorOffset is where the text after the decoder's position is malformed. The
// offsets in the decoder's own errors do not count the brackets and commas of
// the array.
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

// CheckPatches returns the error Update would return, and changes nothing. Ids
// must be full ones.
func (s *Store) CheckPatches(ctx context.Context, patches []Patch) error {
	err := s.read(ctx, func(q txn) error {
		e := newEditing(s.change())
		if err := e.load(ctx, q, patches); err != nil {
			return err
		}
		return e.check(ctx, q, patches)
	})
	return s.withNearest(ctx, err)
}
