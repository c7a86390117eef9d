package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/plugin"
)

// Prove sends a test message through a channel, and returns the receiver's answer. The
// message is no alert, and nothing records it.
func Prove(ctx context.Context, i *plugin.Instance, m Message) (answer string, took time.Duration, err error) {
	out, err := i.Execute(ctx, m)
	did := i.Did()
	if took = did.Took; err == nil && did.Missed != "" {
		err = errors.New(did.Missed)
	}
	if err != nil {
		return "", took, town.Fail("test the channel "+i.Name(), "correct its entry in deacon/plugins.yaml or the other side, then test it again", "%w", err)
	}
	switch o := out.(type) {
	case nil:
	case json.RawMessage:
		answer = string(o)
	default:
		answer = fmt.Sprint(o)
	}
	if answer = line(i.Redact(answer), maxSummary); answer == "" || answer == "null" {
		answer = "it took the message and said nothing"
	}
	return answer, took, nil
}

// Find returns the alerts that a word means: one by its fingerprint or the beginning of
// one, or all of a name.
func Find(all []operational.Alert, word string) (found []operational.Alert) {
	for _, a := range all {
		if a.Name == word || len(word) >= 4 && len(a.Fingerprint) >= len(word) && a.Fingerprint[:len(word)] == word {
			found = append(found, a)
		}
	}
	return found
}
