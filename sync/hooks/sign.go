package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a notification. The signature covers everything a request says, so
// no part of it can be used in another request.
const (
	headerTime      = "Gt-Timestamp" // milliseconds since 1970, UTC
	headerNonce     = "Gt-Nonce"     // 16 random bytes, hexadecimal
	headerSignature = "Gt-Signature" // "v1=" and a hexadecimal HMAC-SHA256

	signatureVersion = "v1="
	nonceBytes       = 16
)

// claim is what is signed.
type claim struct {
	method, path string
	at           time.Time
	nonce        string
	body         []byte
}

// signature is the value of the header. Each part has a line of its own, and only the
// last part may hold a line end, so no two claims give the same text.
func (c claim) signature(s Secret) string {
	sum := sha256.Sum256(c.body)
	mac := hmac.New(sha256.New, []byte(s.text))
	mac.Write([]byte(strings.Join([]string{
		"gt notify 1", c.method, c.path, strconv.FormatInt(c.at.UnixMilli(), 10), c.nonce, hex.EncodeToString(sum[:]),
	}, "\n")))
	return signatureVersion + hex.EncodeToString(mac.Sum(nil))
}

// sign adds the headers of a claim to a request.
func (c claim) sign(r *http.Request, s Secret) {
	r.Header.Set(headerTime, strconv.FormatInt(c.at.UnixMilli(), 10))
	r.Header.Set(headerNonce, c.nonce)
	r.Header.Set(headerSignature, c.signature(s))
}
