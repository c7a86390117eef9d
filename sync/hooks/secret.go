package hooks

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"gastown/town"
	"gastown/town/durable"
	"gastown/town/strict"
)

// ErrNoSecret: this Town has no secret for notifications, so it accepts none.
var ErrNoSecret = errors.New("there is no secret for notifications")

const (
	// secretPrefix lets people and scanners recognise a secret.
	secretPrefix = "gt-notify-"
	// secretBytes is the length of the random part.
	secretBytes = 32
	// maxSecretFile bounds, in bytes, the file of a secret.
	maxSecretFile = 256
)

var secretPattern = regexp.MustCompile(`^` + secretPrefix + `[A-Za-z0-9_-]{43}$`)

// Secret is shared by a Town and those who may notify it. It prints as a placeholder;
// only Reveal returns its text.
type Secret struct{ text string }

// NewSecret makes a random one of 256 bits.
func NewSecret() Secret {
	b := make([]byte, secretBytes)
	rand.Read(b) // never fails
	return Secret{secretPrefix + base64.RawURLEncoding.EncodeToString(b)}
}

// ParseSecret checks the shape of a secret. The error does not repeat it.
func ParseSecret(text string) (Secret, error) {
	text = strings.TrimSpace(text)
	if !secretPattern.MatchString(text) {
		return Secret{}, errors.New("this is not a secret made by gt hooks secret")
	}
	return Secret{text}, nil
}

// Reveal is the text itself.
func (s Secret) Reveal() string { return s.text }

// String and GoString keep the secret out of logs and messages.
func (s Secret) String() string { return "[secret]" }

// GoString is String for %#v.
func (s Secret) GoString() string { return "[secret]" }

// MarshalText keeps the secret out of JSON too.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// ReadSecret reads the file of a secret. A file that others than its owner can read
// is town.ErrRefused. ErrNoSecret when there is no file.
func ReadSecret(path string) (Secret, error) {
	data, err := readPrivate(path, maxSecretFile)
	if errors.Is(err, os.ErrNotExist) {
		return Secret{}, town.Fail("read the secret in "+path, "make one: gt hooks secret", "%w", ErrNoSecret)
	}
	if err != nil {
		return Secret{}, err
	}
	s, err := ParseSecret(string(data))
	if err != nil {
		return s, town.Fail("read the secret in "+path, "make another one: gt hooks secret --renew", "%w", err)
	}
	return s, nil
}

// Write puts the secret in a file of its own (0600), whole or not at all.
func (s Secret) Write(path string) error { return writePrivate(path, []byte(s.text+"\n")) }

// readPrivate reads a small regular file that nobody but its owner can read.
func readPrivate(path string, limit int64) ([]byte, error) {
	op := "read " + path
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	if !info.Mode().IsRegular() {
		return nil, town.Fail(op, "put the secret, as gt hooks secret showed it, into a file there", "it is not a regular file")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, town.Fail(op, "chmod 600 it, and make another secret if someone may have read it",
			"%w: others can read it (mode %04o)", town.ErrRefused, info.Mode().Perm())
	}
	data, err := strict.ReadFile(path, limit)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return data, nil
}

func writePrivate(path string, data []byte) error {
	if err := durable.WritePrivate(path, data); err != nil {
		return town.Fail("write "+path, "check the permissions of its directory and the free space", "%w", err)
	}
	return nil
}
