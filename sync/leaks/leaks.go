// Package leaks searches text that is about to leave the Town for secrets, with
// the rules of gitleaks and some of its own. It never tells what it found, only
// where. It is apart from the rules for sharing, because preparing it takes time
// that only a publication needs to spend.
package leaks

import (
	"cmp"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/logging"
)

// decodeDepth is how often what looks encoded is decoded and searched again.
const decodeDepth = 2

// ownRules find what the library's rules leave out.
var ownRules = []struct {
	name    string
	pattern *regexp.Regexp
}{
	{"private-key-block", regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----`)},
	{"url-with-password", regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s:/?#@]*:(?P<secret>[^\s/?#@]+)@[^\s/]`)},
	{"dsn-with-password", regexp.MustCompile(`(?i)\b[\w.-]+:(?P<secret>[^\s@]+)@(tcp|unix|udp)\d?\(`)},
	{"quoted-password", regexp.MustCompile(
		`(?i)(pass(word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?)["']?\s*(:=|=>|=|:)\s*(?P<secret>"[^"\n]{4,}"|'[^'\n]{4,}'|` + "`[^`\n]{4,}`)")},
	{"password-setting", regexp.MustCompile(`(?im)(^|[\s;&?,])(password|passwd|pwd)=(?P<secret>[^\s;&"']{4,})`)},
}

// Scanner searches texts for secrets. It may be used by one goroutine at a time.
type Scanner struct{ detector *detect.Detector }

// NewScanner prepares the rules; that takes some ten milliseconds.
func NewScanner() (*Scanner, error) {
	// The library writes what it thinks to standard error otherwise.
	logging.Logger = zerolog.New(io.Discard).Level(zerolog.Disabled)
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		return nil, err
	}
	var raw config.ViperConfig
	if err := v.Unmarshal(&raw); err != nil {
		return nil, err
	}
	cfg, err := raw.Translate()
	if err != nil {
		return nil, err
	}
	d := detect.NewDetector(cfg)
	d.MaxDecodeDepth = decodeDepth
	// A word in the text must not switch the search off.
	d.IgnoreGitleaksAllow = true
	return &Scanner{d}, nil
}

// Finding says where a secret is, and never what it is.
type Finding struct {
	Field string `json:"field"`
	// Rule is the name of the rule that found it, not of one for sharing.
	Rule string `json:"rule"`
}

// Scan searches values, by the name of their field.
func (s *Scanner) Scan(values map[string]string) []Finding {
	var found []Finding
	for name, value := range values {
		for _, own := range ownRules {
			if own.pattern.MatchString(value) {
				found = append(found, Finding{name, own.name})
			}
		}
		for _, f := range s.detector.DetectString(value) {
			found = append(found, Finding{name, f.RuleID})
		}
	}
	slices.SortFunc(found, Compare)
	return slices.Compact(found)
}

// Compare orders findings by field and rule.
func Compare(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Rule, b.Rule))
}

// ScanCut searches a text that ranges of bytes, in order and apart, are cut out
// of, and finds the secrets that are not wholly inside one of them: the rest of
// them would not look like a secret any more. What can only be seen decoded
// counts as outside.
func (s *Scanner) ScanCut(field, text string, cut [][2]int) (found []Finding) {
	inside := func(from, to int) bool {
		return slices.ContainsFunc(cut, func(r [2]int) bool { return r[0] <= from && to <= r[1] })
	}
	for _, own := range ownRules {
		group := 2 * max(0, own.pattern.SubexpIndex("secret"))
		for _, at := range own.pattern.FindAllStringSubmatchIndex(text, -1) {
			if !inside(at[group], at[group+1]) {
				found = append(found, Finding{field, own.name})
			}
		}
	}
	for _, f := range s.detector.DetectString(text) {
		seen := f.Secret != "" && strings.Contains(text, f.Secret)
		for from := 0; seen && from < len(text); from++ {
			at := strings.Index(text[from:], f.Secret)
			if at < 0 {
				break
			}
			from += at
			seen = inside(from, from+len(f.Secret))
		}
		if !seen {
			found = append(found, Finding{field, f.RuleID})
		}
	}
	slices.SortFunc(found, Compare)
	return slices.Compact(found)
}
