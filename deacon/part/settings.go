package part

import (
	"time"

	"gastown/town/config"
)

// The values of a configuration are checked when it is read. The only possible
// error is a key that does not exist, which is a mistake in the program; the
// functions below panic on it.

// Int is a setting that is a number.
func Int(c *config.Config, key string) int { return must(c.Int(key)) }

// Duration is a setting that is a duration.
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
