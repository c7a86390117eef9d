package control

import (
	"context"
	"time"
)

// Secrets says which secrets the Town uses and which of them are missing. It never holds
// a value.
type Secrets struct {
	// Sources are the places that are asked, in order.
	Sources []string `json:"sources"`
	// Problem is why the first that cannot be asked cannot, Since when that began, if it is
	// known, and Next what to do; "" when all can.
	Problem string    `json:"problem,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Next    string    `json:"next,omitempty"`
	// Ends is when access to Vault ends unless a person gives another token.
	Ends time.Time   `json:"ends,omitzero"`
	Uses []SecretUse `json:"uses"`
	// Missing counts the uses that do without.
	Missing int `json:"missing"`
}

// SecretUse is one use of a secret.
type SecretUse struct {
	Name string `json:"name"`
	// For is what uses it.
	For string `json:"for"`
	// Found is the source that has it; "" when none has.
	Found string `json:"found,omitempty"`
	// Reason is why it is missing, and Next what to do.
	Reason string `json:"reason,omitempty"`
	Next   string `json:"next,omitempty"`
	// Off says that what uses it is switched off, and Optional that it is not always needed,
	// so that nothing is missing.
	Off      bool `json:"off,omitempty"`
	Optional bool `json:"optional,omitempty"`
}

// Missing reports whether what uses the secret does without one that it needs.
func (u SecretUse) Missing() bool { return u.Found == "" && !u.Off && !u.Optional }

// Secrets asks which secrets the Deacon uses and lacks.
func (c *Client) Secrets(ctx context.Context) (out Secrets, err error) {
	err = c.call(ctx, "GET", "secrets", nil, &out)
	return out, err
}
