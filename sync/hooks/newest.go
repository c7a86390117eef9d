package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"time"
)

// maxNewestFile is the largest record that is read, in bytes.
const maxNewestFile = 1 << 10

// newest says when the newest accepted request was signed. It is stored in a file
// (0600), because a process forgets the nonces it has seen when it ends. A sender
// whose clock is ahead signs requests with a time after the next start, and they
// could be repeated then. So nothing that was signed up to this time is accepted
// after a restart.
type newest struct {
	// At is when the newest request that was accepted says it was signed, in
	// milliseconds since 1970.
	At int64 `json:"at"`
	// Key identifies the secret. With another secret the old signatures are
	// worthless, so a recorded time far in the future does not block new requests.
	Key string `json:"key"`
}

// keyOf identifies a secret without revealing it.
func keyOf(s Secret) string {
	mac := hmac.New(sha256.New, []byte(s.text))
	mac.Write([]byte("gt notify newest"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// loadNewest reads what the last Verifier recorded. A file that cannot be read may
// have said anything; then limit counts, for every secret.
func loadNewest(path string, limit time.Time) newest {
	if path == "" {
		return newest{}
	}
	data, err := readPrivate(path, maxNewestFile)
	if errors.Is(err, os.ErrNotExist) {
		return newest{}
	}
	var n newest
	if err == nil {
		err = json.Unmarshal(data, &n)
	}
	if err != nil || n.Key == "" {
		return newest{At: limit.UnixMilli()}
	}
	return n
}

// forbids reports whether a request may have been accepted before the start.
func (n newest) forbids(s Secret, at time.Time) bool {
	return n.At != 0 && at.UnixMilli() <= n.At && (n.Key == "" || n.Key == keyOf(s))
}

// note records the time of a request that is about to be accepted. The caller holds
// mu.
func (v *Verifier) note(s Secret, at time.Time) error {
	n := newest{At: at.UnixMilli(), Key: keyOf(s)}
	if v.opts.Newest == "" || v.recorded.Key == n.Key && v.recorded.At >= n.At {
		return nil
	}
	data, err := json.Marshal(n)
	if err == nil {
		err = writePrivate(v.opts.Newest, append(data, '\n'))
	}
	if err == nil {
		v.recorded = n
	}
	return err
}
