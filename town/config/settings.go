package config

import (
	"fmt"
	"strings"
	"time"

	"gastown/town"
)

// Source says where the value of a setting comes from.
type Source string

// The sources of values; an earlier one yields to a later one.
const (
	SourceDefault Source = "default"
	SourceTuned   Source = "tuned" // by gt autotune; see Tune
	SourceSet     Source = "set"
	SourceEnv     Source = "env"
)

// Get returns the value in force of a setting, in normal form, and its source.
// It fails with town.ErrUsage for an unknown name, or when the environment
// variable that overrides it (see In) holds no valid value; an empty one
// overrides nothing.
func (c *Config) Get(name string) (value string, source Source, err error) {
	k, err := Lookup(name)
	if err != nil {
		return "", "", err
	}
	if said := c.variable(k.Env); said != "" {
		value, err := normal(name, said)
		if err != nil {
			return "", "", town.Fail("read the environment variable "+k.Env, "correct or unset the variable",
				"%w: %w", town.ErrUsage, err)
		}
		return value, SourceEnv, nil
	}
	if value, ok := c.Settings[name]; ok {
		value, err := normal(name, value)
		if err != nil {
			return "", "", town.Fail("read "+name, "set it again: gt config "+name+" VALUE", "%w", err)
		}
		return value, SourceSet, nil
	}
	if value, ok := c.tuned[name]; ok {
		if value, err := normal(name, value); err == nil {
			return value, SourceTuned, nil
		}
	}
	return k.Default, SourceDefault, nil
}

// Tune gives settings values that count only where nobody set one. Save does not write
// them, and values that a setting does not take are passed over.
func (c *Config) Tune(values map[string]string) { c.tuned = values }

// variable is the value of an environment variable; "" when it has none.
func (c *Config) variable(name string) string {
	if name == "" || c.getenv == nil {
		return ""
	}
	return c.getenv(name)
}

// Set gives a setting a value and returns the value's normal form. It fails
// with town.ErrUsage for an unknown name or an invalid value. Save makes it last.
func (c *Config) Set(name, value string) (string, error) {
	if _, err := Lookup(name); err != nil {
		return "", err
	}
	value, err := normal(name, value)
	if err != nil {
		return "", town.Fail("set "+name, "gt config list shows what it takes", "%w: %w", town.ErrUsage, err)
	}
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	c.Settings[name] = value
	return value, nil
}

// Unset returns a setting to its default; it may be there already. It fails
// with town.ErrUsage for an unknown name.
func (c *Config) Unset(name string) error {
	if _, err := Lookup(name); err != nil {
		return err
	}
	delete(c.Settings, name)
	return nil
}

// Int returns the value in force of an int.
func (c *Config) Int(name string) (int, error) {
	n, err := c.number(name, TypeInt)
	return int(n), err
}

// Duration returns the value in force of a duration.
func (c *Config) Duration(name string) (time.Duration, error) {
	n, err := c.number(name, TypeDuration)
	return time.Duration(n), err
}

// Bytes returns the value in force of a size, in bytes.
func (c *Config) Bytes(name string) (int64, error) { return c.number(name, TypeBytes) }

// Bool returns the value in force of a switch.
func (c *Config) Bool(name string) (bool, error) {
	_, value, err := c.typed(name, TypeBool)
	return value == "true", err
}

// Word reads a setting that is one of its words.
func (c *Config) Word(name string) (string, error) {
	_, value, err := c.typed(name, TypeWord)
	return value, err
}

// List returns the words in force of a list.
func (c *Config) List(name string) ([]string, error) {
	_, value, err := c.typed(name, TypeList)
	if err != nil {
		return nil, err
	}
	return strings.Split(value, ","), nil
}

// Budget returns the amount in force of a budget.
func (c *Config) Budget(name string) (Budget, error) {
	_, value, err := c.typed(name, TypeBudget)
	if err != nil {
		return Budget{}, err
	}
	return parseBudget(value)
}

func (c *Config) number(name string, want Type) (int64, error) {
	k, value, err := c.typed(name, want)
	if err != nil {
		return 0, err
	}
	return k.parse(value)
}

func (c *Config) typed(name string, want Type) (Key, string, error) {
	k, err := Lookup(name)
	if err != nil {
		return Key{}, "", err
	}
	if k.Type != want {
		return Key{}, "", fmt.Errorf("read %s: it is a %s, not a %s", name, k.Type, want)
	}
	value, _, err := c.Get(name)
	return k, value, err
}
