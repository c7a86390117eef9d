package part

import (
	"time"

	"gastown/town/config"
)

// The values of a configuration were checked when it was read. What is left to go
// wrong is a key that does not exist, which is a mistake in the program; the
// functions below panic on it.

// Int is a setting that counts something.
func Int(c *config.Config, key string) int { return must(c.Int(key)) }

// Duration is a setting that is a length of time.
func Duration(c *config.Config, key string) time.Duration { return must(c.Duration(key)) }

// Bytes is a setting that is a size, in bytes.
func Bytes(c *config.Config, key string) int64 { return must(c.Bytes(key)) }

// Bool is a setting that is on or off.
func Bool(c *config.Config, key string) bool { return must(c.Bool(key)) }

// Text is a setting that is a line of text.
func Text(c *config.Config, key string) string {
	value, _, err := c.Get(key)
	return must(value, err)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic("deacon: " + err.Error())
	}
	return value
}
