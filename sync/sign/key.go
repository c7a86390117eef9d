package sign

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"gastown/town"
)

// Public is the public half of an ed25519 key, as 64 lower-case hexadecimal digits. The
// empty Public takes the place of a key after the last one: the Town has revoked its
// keys, and signs nothing more.
type Public string

// Revoked is the Public that ends the keys of a Town.
const Revoked Public = ""

// Check reports whether p is a public key, or Revoked.
func (p Public) Check() error {
	if raw, err := hex.DecodeString(string(p)); p != Revoked && (err != nil || len(raw) != ed25519.PublicKeySize || strings.ToLower(string(p)) != string(p)) {
		return fmt.Errorf("%q is not a public key", town.Clip(string(p), 80))
	}
	return nil
}

// Fingerprint is what people compare to tell keys apart: 80 bits of the key's digest,
// such as 1f0a-55c2-9be1-02d4-77aa. It is "revoked" for Revoked.
func (p Public) Fingerprint() string {
	if p == Revoked {
		return "revoked"
	}
	d := string(town.DigestOf("fingerprint", string(p)))
	return strings.Join([]string{d[0:4], d[4:8], d[8:12], d[12:16], d[16:20]}, "-")
}

var fingerprint = regexp.MustCompile(`^[0-9a-f]{4}(-[0-9a-f]{4}){4}$`)

// IsFingerprint reports whether a text has the form of a fingerprint of a key.
func IsFingerprint(text string) bool { return fingerprint.MatchString(text) }

// verify reports whether signature, in hexadecimal digits, is the key's over a message.
func (p Public) verify(message town.Digest, signature string) bool {
	key, err := hex.DecodeString(string(p))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return false
	}
	raw, err := hex.DecodeString(signature)
	return err == nil && ed25519.Verify(key, []byte(message), raw)
}

// Key is a key pair. The zero Key holds no key and must not sign.
type Key struct{ private ed25519.PrivateKey }

// Generate makes a new key.
func Generate() (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return Key{private}, err
}

// fromSeed is the key of a seed, in hexadecimal digits.
func fromSeed(seed string) (Key, error) {
	raw, err := hex.DecodeString(seed)
	if err != nil || len(raw) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("a key in it is not %d hexadecimal digits", 2*ed25519.SeedSize) // without its value
	}
	return Key{ed25519.NewKeyFromSeed(raw)}, nil
}

func (k Key) seed() string { return hex.EncodeToString(k.private.Seed()) }

// Public is the public half.
func (k Key) Public() Public {
	public, _ := k.private.Public().(ed25519.PublicKey)
	return Public(hex.EncodeToString(public))
}

func (k Key) sign(message town.Digest) string {
	return hex.EncodeToString(ed25519.Sign(k.private, []byte(message)))
}
