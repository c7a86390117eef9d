// Package leaks searches text that is about to leave the Town for secrets, with
// the rules of gitleaks and some of its own. It says where a secret is and never
// what it is. It is separate from sync/share because loading the rules takes
// time, which only a publication needs to spend.
package leaks

import (
	"cmp"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"
	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/logging"
)

// decodeDepth is how many layers of encoding are decoded and searched.
const decodeDepth = 2

// ownRules find secrets that the library's rules miss. A text that has none of the
// words, in lower case, needs no search by the pattern, which takes long.
var ownRules = []struct {
	name    string
	words   []string
	pattern *regexp.Regexp
}{
	// The whole block, where it has an end: it is longer than the library is shown at once.
	{"private-key-block", []string{"private key"}, regexp.MustCompile(
		`-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----(([^-]|-{1,4}[^-])*-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----)?`)},
	{"url-with-password", []string{"://"}, regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s:/?#@]*:(?P<secret>[^\s/?#@]+)@[^\s/]`)},
	{"dsn-with-password", []string{"@tcp", "@unix", "@udp"}, regexp.MustCompile(`(?i)\b[\w.-]+:(?P<secret>[^\s@]+)@(tcp|unix|udp)\d?\(`)},
	{"quoted-password", []string{"pass", "pwd", "secret", "token", "key", "credential"}, regexp.MustCompile(
		`(?i)(pass(word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?)["']?\s*(:=|=>|=|:)\s*(?P<secret>"[^"\n]{4,}"|'[^'\n]{4,}'|` + "`[^`\n]{4,}`)")},
	{"password-setting", []string{"password=", "passwd=", "pwd="}, regexp.MustCompile(`(?im)(^|[\s;&?,])(password|passwd|pwd)=(?P<secret>[^\s;&"']{4,})`)},
}

// libraryRules loads the library's rules, once for the process: they do not
// change, and any number of Scanners may read them at once.
var libraryRules = sync.OnceValues(func() (config.Config, error) {
	// The library would log to standard error. Its logger is one for the process.
	logging.Logger = zerolog.New(io.Discard).Level(zerolog.Disabled)
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		return config.Config{}, err
	}
	var raw config.ViperConfig
	if err := v.Unmarshal(&raw); err != nil {
		return config.Config{}, err
	}
	return raw.Translate()
})

// Scanner searches texts for secrets. One goroutine at a time may use it; each
// may have its own.
type Scanner struct{ detector *detect.Detector }

// NewScanner returns a Scanner. The first one of a process loads the rules, which
// takes some ten milliseconds.
func NewScanner() (*Scanner, error) {
	rules, err := libraryRules()
	if err != nil {
		return nil, err
	}
	d := detect.NewDetector(rules)
	d.MaxDecodeDepth = decodeDepth
	// The library skips lines that say gitleaks:allow. Whoever writes the text must
	// not be able to switch the search off.
	d.IgnoreGitleaksAllow = true
	return &Scanner{d}, nil
}

// Finding says where a secret is, and never what it is.
type Finding struct {
	Field string `json:"field"`
	// Rule is the name of the rule that found it; not a rule for sharing.
	Rule string `json:"rule"`
}

// Scan searches values, which are given by the name of their field.
func (s *Scanner) Scan(values map[string]string) []Finding {
	found := map[Finding]bool{}
	for name, value := range values {
		s.search(value, func(h hit) { found[Finding{name, h.rule}] = true })
	}
	return slices.SortedFunc(maps.Keys(found), Compare)
}

func hasAny(lower string, words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(lower, w) })
}

// Compare orders findings by field and rule.
func Compare(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Rule, b.Rule))
}

// ScanCut searches a text before ranges of bytes are cut out of it, and finds the
// secrets that are not wholly inside one range. A part of a secret that is left
// over would no longer look like a secret. The ranges are in order and do not
// overlap. A secret that shows only after decoding counts as outside.
func (s *Scanner) ScanCut(field, text string, cut [][2]int) []Finding {
	inside := func(from, to int) bool {
		n, _ := slices.BinarySearchFunc(cut, from+1, func(r [2]int, at int) int { return cmp.Compare(r[0], at) })
		return n > 0 && to <= cut[n-1][1] // the last range that does not begin after from
	}
	found, seen := map[Finding]bool{}, map[string]bool{}
	s.search(text, func(h hit) {
		f := Finding{field, h.rule}
		switch {
		case found[f] || h.own && inside(h.from, h.to):
		case h.own || h.decoded:
			found[f] = true
		case !seen[h.secret]:
			// Wherever else it stands it must not stay either.
			if seen[h.secret] = true; !everywhere(text, h.secret, inside) {
				found[f] = true
			}
		}
	})
	return slices.SortedFunc(maps.Keys(found), Compare)
}

// everywhere reports whether all places of a secret within a text are good.
func everywhere(text, secret string, good func(from, to int) bool) bool {
	for from := 0; from < len(text); from++ {
		at := strings.Index(text[from:], secret)
		if at < 0 {
			break
		}
		if from += at; !good(from, from+len(secret)) {
			return false
		}
	}
	return true
}
