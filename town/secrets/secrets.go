// Package secrets replaces ${NAME} in the configuration of people by the secret of
// that name, and keeps the values out of everything that is written.
//
// A Resolver asks its sources in order: Vault (package town/secrets/vault), the environment
// of the process, a private file. A secret that no source has is a *Missing, which names
// the variable and where it was looked for. A source that cannot be asked ends the search:
// what another one has may be a former value. No error of this package holds a value.
//
// A caller that resolved secrets passes every text that leaves it through Values.Redact.
package secrets

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"gastown/town"
)

// maxValue is the longest value of a secret, in bytes.
const maxValue = 64 << 10

// Source is one place that secrets come from.
type Source interface {
	// Lookup returns the value of a secret. found is false when the source has none
	// of that name. An error means that the source cannot be asked; it holds no value.
	Lookup(ctx context.Context, name string) (value string, found bool, err error)
	// Check says why the source cannot be asked at present; nil when it can. A source
	// that fails may still have what it read before. The error holds no value.
	Check(ctx context.Context) error
	// String says for people where that is.
	String() string
}

// Missing reports a secret that no source has.
type Missing struct {
	// Name is the variable, such as SLACK_WEBHOOK_URL.
	Name string
	// Looked are the sources that were asked.
	Looked []string
}

func (m *Missing) Error() string {
	if len(m.Looked) == 1 {
		return fmt.Sprintf("there is no secret %s: it is not in %s", m.Name, m.Looked[0])
	}
	return fmt.Sprintf("there is no secret %s: it is neither in %s", m.Name, strings.Join(m.Looked, " nor in "))
}

// ErrMalformed reports a text with a malformed reference.
var ErrMalformed = errors.New("a reference to a secret is written ${NAME}, with letters, digits and _ in NAME; write $${ for a plain ${")

// Resolver finds secrets in its sources. The first source that has a secret wins. Its
// methods may be called from many goroutines.
type Resolver struct {
	mu      sync.Mutex
	sources []Source
}

// New returns a resolver.
func New(sources ...Source) *Resolver { return &Resolver{sources: sources} }

// Set replaces the sources, for a configuration that has changed.
func (r *Resolver) Set(sources ...Source) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sources = sources
}

// Close closes those of the sources that have something to close, such as a login.
func (r *Resolver) Close(ctx context.Context) (err error) {
	for _, s := range r.Sources() {
		if c, ok := s.(interface{ Close(context.Context) error }); ok {
			err = errors.Join(err, c.Close(ctx))
		}
	}
	return err
}

// Sources are those that are asked, in order.
func (r *Resolver) Sources() []Source {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sources)
}

// reference finds what begins like a reference; the groups of a well-formed one are not
// empty.
var reference = regexp.MustCompile(`\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{`)

// Names are the secrets that a text refers to, in order.
func Names(text string) (names []string, err error) {
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		switch {
		case m[1] != "": // an escaped one
		case m[2] != "":
			names = append(names, m[2])
		default:
			return nil, ErrMalformed
		}
	}
	return names, nil
}

// Expand replaces the references in a text. What it found is added to values. A value
// is not expanded again.
func (r *Resolver) Expand(ctx context.Context, text string, values Values) (string, error) {
	if _, err := Names(text); err != nil {
		return "", err
	}
	var failed error
	out := reference.ReplaceAllStringFunc(text, func(ref string) string {
		if strings.HasPrefix(ref, "$$") {
			return ref[1:]
		}
		name := ref[2 : len(ref)-1]
		if v, known := values[name]; known {
			return v
		}
		v, err := r.Lookup(ctx, name)
		if err != nil {
			failed = errors.Join(failed, err)
			return ""
		}
		values[name] = v
		return v
	})
	if failed != nil {
		return "", failed
	}
	return out, nil
}

// Lookup returns one secret.
func (r *Resolver) Lookup(ctx context.Context, name string) (string, error) {
	v, _, err := r.find(ctx, name)
	return v, err
}

// Where returns the source that has a secret, for people, and not its value.
func (r *Resolver) Where(ctx context.Context, name string) (source string, err error) {
	_, s, err := r.find(ctx, name)
	if err != nil {
		return "", err
	}
	return s.String(), nil
}

func (r *Resolver) find(ctx context.Context, name string) (string, Source, error) {
	missing := &Missing{Name: town.Clip(name, 80)}
	for _, s := range r.Sources() {
		v, found, err := s.Lookup(ctx, name)
		switch {
		case err != nil:
			return "", nil, fmt.Errorf("look for the secret %s in %s: %w", missing.Name, s, err)
		case found && len(v) > maxValue:
			return "", nil, fmt.Errorf("the secret %s in %s is longer than %d bytes", missing.Name, s, maxValue)
		case found && strings.ContainsRune(v, 0):
			return "", nil, fmt.Errorf("the secret %s in %s contains a NUL byte", missing.Name, s)
		case found:
			return v, s, nil
		}
		missing.Looked = append(missing.Looked, s.String())
	}
	return "", nil, missing
}

// IsName reports whether a text can be the name of a secret: letters, digits and _, no
// digit at the beginning.
func IsName(text string) bool {
	names, err := Names("${" + text + "}")
	return err == nil && len(names) == 1 && names[0] == text
}
