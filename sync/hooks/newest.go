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

// newest is kept in a file (0600), because nonces are forgotten with the
// process: a sender whose clock is ahead signs requests that are younger than
// the next start. Nothing signed up to then passes again after it.
type newest struct {
	// At is when the newest request that was accepted says it was signed, in
	// milliseconds since 1970.
	At int64 `json:"at"`
	// Key tells secrets apart: with another one the old signatures are worth
	// nothing, and a time far ahead of the clock holds nobody up.
	Key string `json:"key"`
}

// keyOf is a word for a secret that does not tell it.
func keyOf(s Secret) string {
	mac := hmac.New(sha256.New, []byte(s.text))
	mac.Write([]byte("gt notify newest"))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// loadNewest reads what the last Verifier accepted. What cannot be read may
// have said anything: then limit holds, for every secret.
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

// forbids reports that a request may have been accepted before the start.
func (n newest) forbids(s Secret, at time.Time) bool {
	return n.At != 0 && at.UnixMilli() <= n.At && (n.Key == "" || n.Key == keyOf(s))
}

// note keeps the time of a request that is about to be accepted. The caller
// holds mu.
func (v *Verifier) note(s Secret, at time.Time) error {
	n := newest{At: at.UnixMilli(), Key: keyOf(s)}
	if v.opts.Newest == "" || v.kept.Key == n.Key && v.kept.At >= n.At {
		return nil
	}
	data, err := json.Marshal(n)
	if err == nil {
		err = writePrivate(v.opts.Newest, append(data, '\n'))
	}
	if err == nil {
		v.kept = n
	}
	return err
}
