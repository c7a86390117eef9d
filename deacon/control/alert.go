package control

import "context"

// AlertTest asks for a message that proves a channel.
type AlertTest struct {
	// Channel is the name of a notification plugin, By who asks.
	Channel string `json:"channel"`
	By      string `json:"by"`
}

// AlertTested is the result of an AlertTest.
type AlertTested struct {
	Channel string `json:"channel"`
	// Answer is the receiver's answer.
	Answer string `json:"answer"`
	// Took is in seconds.
	Took float64 `json:"took_seconds"`
}

// TestAlert has the Deacon send a message that proves a channel, and waits for the answer.
func (c *Client) TestAlert(ctx context.Context, t AlertTest) (out AlertTested, err error) {
	err = c.call(ctx, "POST", "alert-test", t, &out)
	return out, err
}
