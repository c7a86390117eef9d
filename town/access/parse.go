package access

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"gastown/town"
	"gastown/town/strict"
)

// Bounds of config/access.yaml.
const (
	// MaxFile is its size in bytes.
	MaxFile = 1 << 20
	// maxText bounds each value in bytes, maxRules the permissions and the restrictions of
	// one entry, so that a check stays short.
	maxText  = 200
	maxRules = 100
)

// restricting begins a restriction.
const restricting = "no:"

// file is the text.
type file struct {
	Users []struct {
		Email        string   `yaml:"email"`
		Town         string   `yaml:"town"`
		Login        string   `yaml:"login"`
		Role         string   `yaml:"role"`
		Permissions  []string `yaml:"permissions"`
		Restrictions []string `yaml:"restrictions"`
	} `yaml:"users"`
}

var (
	emailPattern = regexp.MustCompile(`^[^@\s<>"*\pC]+@[^@\s<>"*\pC]+$`)
	loginPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*\$?$`)
	rolePattern  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`)
	wordPattern  = regexp.MustCompile(`^[!-~]+$`)
)

// Parse reads the text of config/access.yaml. Its error is a town.Error that tells every
// fault with its line, the reason and what to write instead; nothing of such a text counts.
// A text without users is the policy of a Town that only its owner uses.
func Parse(data []byte) (*Policy, error) {
	var f file
	doc, err := strict.Document(data)
	if err == nil {
		err = strict.YAML(data, &f)
	}
	if errors.Is(err, strict.ErrEmpty) {
		err = nil
	}
	if err != nil {
		return nil, broken(err)
	}
	p := &parser{doc: doc, policy: &Policy{state: InForce, emails: map[string]*User{}, logins: map[string]*User{}, towns: map[string]*User{}}}
	for i, u := range f.Users {
		at := func(key ...string) []string { return append([]string{"users", strconv.Itoa(i)}, key...) }
		user := &User{Email: strings.ToLower(u.Email), Town: u.Town, Login: u.Login, Role: u.Role, Line: p.line(at()...)}
		p.who(user, u.Email, at)
		p.word(at("role"), "role", u.Role, "developer", rolePattern)
		user.permissions = p.rules(u.Permissions, "", at("permissions"))
		user.restrictions = p.rules(u.Restrictions, restricting, at("restrictions"))
		p.policy.users = append(p.policy.users, user)
	}
	if len(p.faults) > 0 {
		return nil, broken(&strict.Error{Faults: p.faults})
	}
	return p.policy, nil
}

// broken is the error of a text that does not count.
func broken(err error) error {
	return town.Fail("read config/access.yaml", "correct it in an editor; gt access list says whether it is in force", "%w", err)
}

type parser struct {
	doc    *yaml.Node
	policy *Policy
	faults []strict.Fault
}

func (p *parser) line(path ...string) int { return strict.Line(p.doc, path...) }

func (p *parser) fail(path []string, format string, args ...any) {
	p.faults = append(p.faults, strict.Fault{Line: p.line(path...), Reason: fmt.Sprintf(format, args...)})
}

// word checks a value that must be there.
func (p *parser) word(path []string, key, value, example string, pattern *regexp.Regexp) bool {
	switch {
	case value == "":
		p.fail(path, "there is no %s: write %s: %q", key, key, example)
	case len(value) > maxText:
		p.fail(path, "the %s is longer than %d bytes: write a shorter one", key, maxText)
	case !pattern.MatchString(value):
		p.fail(path, "%q is not a valid %s: write one such as %q", town.Clip(value, 80), key, example)
	default:
		return true
	}
	return false
}

// who checks whom an entry is about, and that no other entry is about the same.
func (p *parser) who(u *User, email string, at func(...string) []string) {
	pl := p.policy
	switch {
	case u.Town != "" && email != "":
		p.fail(at("town"), "an entry is about a person or about a Town: make two of it, one with email and one with town")
	case u.Town != "":
		if u.Login != "" {
			p.fail(at("login"), "an entry about a Town has no login: remove it, or write email in place of town")
		}
		if !p.word(at("town"), "town", u.Town, "beta", wordPattern) {
			return
		}
		if other := pl.towns[u.Town]; other != nil {
			p.fail(at("town"), "the Town %s has an entry on line %d: write one entry for both", u.Town, other.Line)
		}
		pl.towns[u.Town] = u
		return
	case p.word(at("email"), "email", email, "steve@example.com", emailPattern):
		if other := pl.emails[u.Email]; other != nil {
			p.fail(at("email"), "%s has an entry on line %d: write one entry for both", u.Email, other.Line)
		}
		pl.emails[u.Email] = u
	}
	if u.Login == "" || !p.word(at("login"), "login", u.Login, "steve", loginPattern) {
		return
	}
	if other := pl.logins[u.Login]; other != nil {
		p.fail(at("login"), "the login %s is that of line %d: write it in one entry", u.Login, other.Line)
	}
	pl.logins[u.Login] = u
}

// rules checks permissions or restrictions, which begin with prefix.
func (p *parser) rules(texts []string, prefix string, at []string) (all []rule) {
	if len(texts) > maxRules {
		p.fail(at, "there are more than %d: use * for several", maxRules)
		return nil
	}
	for i, text := range texts {
		path := append(at[:len(at):len(at)], strconv.Itoa(i))
		pattern, ok := strings.CutPrefix(text, prefix)
		switch {
		case !ok:
			p.fail(path, "%q is not a restriction: write %q", town.Clip(text, 80), restricting+town.Clip(text, 80))
		case prefix == "" && strings.HasPrefix(text, restricting):
			p.fail(path, "%q is a restriction: write it below restrictions", town.Clip(text, 80))
		case len(text) > maxText || !wordPattern.MatchString(pattern):
			p.fail(path, "%q is not a pattern: write AREA:ACTION, such as rig:read, crew:* or *", town.Clip(text, 80))
		case prefix == "" && pattern != "*" && strings.Count(pattern, ":") != 1:
			p.fail(path, "%q is not a permission: write AREA:ACTION, such as rig:read, crew:* or *", town.Clip(text, 80))
		case !concerns(pattern):
			p.fail(path, "%q matches no action: %s", town.Clip(text, 80), suggest(pattern, prefix))
		default:
			all = append(all, rule{text, pattern, p.line(path...)})
		}
	}
	return all
}

// suggest is what somebody may have meant.
func suggest(pattern, prefix string) string {
	area, _, _ := strings.Cut(pattern, ":")
	var areas []string
	for _, a := range Actions {
		known, _, _ := strings.Cut(a, ":")
		areas = append(areas, known)
	}
	near := town.Nearest(pattern, Actions, 1)
	if len(near) == 0 {
		if near = town.Nearest(area, areas, 1); len(near) > 0 {
			near[0] += ":*"
		}
	}
	if len(near) == 0 {
		return "gt access list --actions shows them"
	}
	return fmt.Sprintf("did you mean %q?", prefix+near[0])
}
