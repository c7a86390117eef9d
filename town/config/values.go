package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gastown/town"
)

// normal checks a value of a setting and returns its one normal spelling.
func normal(name, value string) (string, error) {
	k, err := find(name)
	if err != nil {
		return "", err
	}
	switch k.Type {
	case TypeBool:
		b, err := parseBool(value)
		return strconv.FormatBool(b), err
	case TypeList:
		words, err := k.parseList(value)
		return strings.Join(words, ","), err
	case TypeWord:
		word := strings.ToLower(strings.TrimSpace(value))
		if !slices.Contains(k.Words, word) {
			return "", fmt.Errorf("%q is not one of %s", town.Clip(word, 40), strings.Join(k.Words, ", "))
		}
		return word, nil
	case TypeString:
		return k.parseText(value)
	case TypeBudget:
		b, err := parseBudget(value)
		return b.String(), err
	default:
		n, err := k.parse(value)
		if err != nil {
			return "", err
		}
		return k.format(n), nil
	}
}

// parse reads an int, a duration (in nanoseconds) or a size (in bytes).
func (k Key) parse(value string) (n int64, err error) {
	value = strings.TrimSpace(value)
	switch k.Type {
	case TypeInt:
		if n, err = strconv.ParseInt(value, 10, 64); err != nil {
			err = fmt.Errorf("%q is not a whole number", town.Clip(value, 40))
		}
	case TypeDuration:
		n, err = k.parseDuration(value)
	case TypeBytes:
		n, err = k.parseBytes(value)
	default:
		err = fmt.Errorf("a %s is not a number", k.Type)
	}
	if err != nil {
		return 0, err
	}
	if n < k.Min || n > k.Max {
		return 0, fmt.Errorf("%q is out of range: %s", town.Clip(value, 40), k.limits())
	}
	return n, nil
}

// format is the inverse of parse.
func (k Key) format(n int64) string {
	switch {
	case k.Type == TypeDuration && k.Unit == unitSeconds:
		return strconv.FormatInt(n/second, 10)
	case k.Type == TypeDuration:
		return formatDuration(time.Duration(n))
	case k.Type == TypeBytes:
		return formatBytes(n)
	default:
		return strconv.FormatInt(n, 10)
	}
}

func (k Key) parseDuration(value string) (int64, error) {
	if bare, err := strconv.ParseInt(value, 10, 64); err == nil {
		switch {
		case k.Unit == unitSeconds && bare >= 0 && bare <= k.Max/second:
			return bare * second, nil
		case k.Unit == unitSeconds:
			return 0, fmt.Errorf("%q is out of range: %s seconds", town.Clip(value, 40), k.limits())
		case bare != 0:
			return 0, fmt.Errorf("%q needs a unit: for example %ss, %sm or %sh", value, value, value, value)
		}
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 90s, 5m or 1h30m", town.Clip(value, 40))
	}
	if k.Unit == unitSeconds && d%time.Second != 0 {
		return 0, fmt.Errorf("%q is not a whole number of seconds", town.Clip(value, 40))
	}
	return int64(d), nil
}

// formatDuration leaves out the zero units that time.Duration prints.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// units are the units of sizes, largest first.
var units = []struct {
	letter string
	bytes  int64
}{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}}

// 256MB, 256 mb, 256MiB, 256M, 1.5GB; a bare number counts bytes.
var sizePattern = regexp.MustCompile(`^(\d{1,15}(?:\.\d{1,3})?) ?([KMGT]?)I?B?$`)

func (k Key) parseBytes(value string) (int64, error) {
	m := sizePattern.FindStringSubmatch(strings.ToUpper(value))
	if m == nil {
		return 0, fmt.Errorf("%q is not a size such as 512KB, 256MB or 4GB", town.Clip(value, 40))
	}
	unit := int64(1)
	for _, u := range units {
		if u.letter == m[2] {
			unit = u.bytes
		}
	}
	number, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, err
	}
	if exact := number * float64(unit); exact <= float64(k.Max) {
		if n := int64(exact); float64(n) == exact {
			return n, nil
		}
		return 0, fmt.Errorf("%q is not a whole number of bytes", town.Clip(value, 40))
	}
	return 0, fmt.Errorf("%q is out of range: %s", town.Clip(value, 40), k.limits())
}

// formatBytes uses the largest unit that leaves a whole number.
func formatBytes(n int64) string {
	for _, u := range units {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.letter + "B"
		}
	}
	return "0B"
}

func parseBool(value string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", town.Clip(value, 40))
}

// parseList returns the words in the order of the set, each once.
func (k Key) parseList(value string) ([]string, error) {
	given := strings.Split(value, ",")
	for i, w := range given {
		given[i] = strings.ToLower(strings.TrimSpace(w))
		if !slices.Contains(k.Words, given[i]) {
			return nil, fmt.Errorf("%q is not one of %s", town.Clip(given[i], 40), strings.Join(k.Words, ", "))
		}
	}
	var words []string
	for _, w := range k.Words {
		if slices.Contains(given, w) {
			words = append(words, w)
		}
	}
	return words, nil
}

func (k Key) parseText(value string) (string, error) {
	if int64(len(value)) > k.Max {
		return "", fmt.Errorf("it is longer than %d bytes", k.Max)
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return "", errors.New("it is not one line of UTF-8 text without control characters")
	}
	return strings.TrimSpace(value), nil
}
