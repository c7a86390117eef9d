package github

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"gastown/town"
)

// PublicAPI is the address of GitHub's own API.
const PublicAPI = "https://api.github.com/"

// Repository is where pull requests are opened.
type Repository struct {
	// API is the address of the host's API; "" for PublicAPI.
	API string
	// Owner and Name name it at the host.
	Owner, Name string
}

func (r Repository) String() string { return r.Owner + "/" + r.Name }

var (
	ownerPattern = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,99})$`)
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}$`)
	scpPattern   = regexp.MustCompile(`^(?:[A-Za-z0-9_.-]+@)?([A-Za-z0-9.-]+):/*([^/].*)$`)
)

// ParseRepository reads OWNER/NAME.
func ParseRepository(word string) (r Repository, err error) {
	owner, name, _ := strings.Cut(word, "/")
	if !ownerPattern.MatchString(owner) || !namePattern.MatchString(name) || name == "." || name == ".." {
		return r, fmt.Errorf("%w: %q is not OWNER/NAME", town.ErrUsage, town.Clip(word, 80))
	}
	return Repository{Owner: owner, Name: name}, nil
}

// Remote reads the address of a Git remote: its host, and the repository there. ok is
// false for one that does not have the form of such hosts.
func Remote(address string) (host string, r Repository, ok bool) {
	path := ""
	if u, err := url.Parse(address); err == nil && u.Scheme != "" && u.Host != "" {
		host, path = u.Hostname(), u.Path
	} else if m := scpPattern.FindStringSubmatch(address); m != nil && !strings.Contains(address, "://") {
		host, path = m[1], m[2]
	} else {
		return "", r, false
	}
	r, err := ParseRepository(strings.TrimSuffix(strings.Trim(path, "/"), ".git"))
	return strings.ToLower(host), r, err == nil && host != ""
}

// CheckAPI refuses an address that is not one of an API: https, or http on this machine,
// without a user or a query.
func CheckAPI(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%w: %q is not the address of an API, such as https://github.example.org/api/v3/", town.ErrUsage, town.Clip(address, 80))
	case u.Scheme == "https", u.Scheme == "http" && here(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%w: %q would send the token in clear: use https", town.ErrUsage, town.Clip(address, 80))
}

// here reports whether a host is this machine.
func here(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
