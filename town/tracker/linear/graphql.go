package linear

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gastown/town/tracker"
)

// soon is the pause before a request is tried again that failed for a reason of Linear's.
const soon = time.Minute

// fault is one of the errors of an answer.
type fault struct {
	Message    string `json:"message"`
	Extensions struct {
		Code  string `json:"code"`
		Type  string `json:"type"`
		Plain string `json:"userPresentableMessage"`
		User  bool   `json:"userError"`
	} `json:"extensions"`
}

// ask sends one query or mutation. A GraphQL error comes with the status 200 or 400.
func (t *Team) ask(ctx context.Context, op, query string, variables map[string]any, out any) error {
	status, header, body, err := t.c.Send(ctx, op, http.MethodPost, "/graphql", nil, map[string]any{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage `json:"data"`
		Errors []fault         `json:"errors"`
	}
	if json.Unmarshal(body, &answer) == nil && len(answer.Errors) > 0 {
		return t.judge(op, status, header, answer.Errors[0])
	}
	if err := t.c.Judge(op, status, header, body); err != nil {
		return err
	}
	if err := json.Unmarshal(answer.Data, out); err != nil {
		return &tracker.LaterError{After: soon, Why: op + ": Linear's answer is not understood"}
	}
	return nil
}

// judge turns the first GraphQL error of an answer into one of tracker's errors.
func (t *Team) judge(op string, status int, header http.Header, f fault) error {
	words := t.c.Clean(f.Message)
	if plain := t.c.Clean(f.Extensions.Plain); plain != "" {
		words = plain
	}
	kind := strings.ToLower(strings.NewReplacer("_", "", " ", "", "-", "").Replace(f.Extensions.Code + " " + f.Extensions.Type))
	has := func(word string) bool { return strings.Contains(kind, word) }
	switch {
	case has("ratelimited"), status == http.StatusTooManyRequests:
		after := tracker.RetryAfter(header, t.now())
		for _, what := range []string{"Requests", "Complexity", "Endpoint-Requests"} {
			// The moment at which the limit is lifted, in milliseconds since 1970; only
			// that of a limit that is used up counts.
			ms, err := strconv.ParseInt(header.Get("X-RateLimit-"+what+"-Reset"), 10, 64)
			if left := header.Get("X-RateLimit-" + what + "-Remaining"); err == nil && (left == "" || left == "0") {
				after = max(after, time.UnixMilli(ms).Sub(t.now()))
			}
		}
		if after <= 0 {
			after = soon
		}
		return tracker.Later(after, "%s: Linear was asked too often", op)
	case has("authentication"), status == http.StatusUnauthorized:
		return fmt.Errorf("%s: %w: %s", op, tracker.ErrDenied, words)
	case strings.Contains(strings.ToLower(f.Message), "not found"):
		return fmt.Errorf("%s: %w: %s", op, tracker.ErrGone, words)
	case has("internal"), status >= 500:
		return &tracker.LaterError{After: soon, Why: fmt.Sprintf("%s: Linear cannot answer: %s", op, words)}
	}
	return fmt.Errorf("%s: %w: %s", op, tracker.ErrRefused, words)
}
