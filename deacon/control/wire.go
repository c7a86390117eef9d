package control

import (
	"bytes"
	"encoding/json"
	"fmt"

	"gastown/town"
)

// maxRequest is the largest request that is sent, in bytes; package guard takes no
// larger one.
const maxRequest = 60 << 10

// replaced is what the encoder writes for bytes that are not UTF-8. Text that
// contains exactly these characters is refused as well, which does no harm.
var replaced = []byte(`\ufffd`)

// encode returns a value as JSON that decodes to an equal one. It fails with
// town.ErrUsage for text that is not UTF-8.
func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("%w: %w", town.ErrUsage, err)
	}
	if bytes.Contains(out.Bytes(), replaced) {
		return nil, fmt.Errorf("%w: it holds text that is not UTF-8", town.ErrUsage)
	}
	return out.Bytes(), nil
}
