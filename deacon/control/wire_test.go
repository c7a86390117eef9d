package control

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gastown/town"
)

// A request arrives unchanged, or is refused.
func TestRequestsArriveAsTheyWereSent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := Heartbeat{Agent: rapid.String().Draw(t, "agent"), State: rapid.String().Draw(t, "state"), Note: rapid.String().Draw(t, "note")}
		data, err := encode(sent)
		if err != nil {
			if !errors.Is(err, town.ErrUsage) || !strings.Contains(sent.Agent+sent.State+sent.Note, `\ufffd`) {
				t.Fatal(err)
			}
			return
		}
		var got Heartbeat
		if err := json.Unmarshal(data, &got); err != nil || got != sent {
			t.Fatalf("%v: %+v became %+v", err, sent, got)
		}
	})
}

func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	for _, bad := range []string{"\xff", "a\xc3", "x\xed\xa0\x80"} {
		if _, err := encode(Heartbeat{Note: bad}); !errors.Is(err, town.ErrUsage) {
			t.Errorf("%q was sent: %v", bad, err)
		}
	}
	if _, err := encode(Heartbeat{Note: "\uFFFD"}); err != nil {
		t.Error(err)
	}
}

// The client does not send a request that the server would refuse.
func TestLargeRequestsAreRefused(t *testing.T) {
	c := NewClient("/nowhere")
	if err := c.call(t.Context(), "POST", "run", runRequest{strings.Repeat("x", maxRequest)}, nil); !errors.Is(err, town.ErrUsage) {
		t.Error(err)
	}
}
