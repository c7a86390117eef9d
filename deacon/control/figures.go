package control

import (
	"context"
	"time"

	"gastown/town/series"
)

// Question asks for figures over time.
type Question struct {
	// Expr is in PromQL.
	Expr string `json:"expr"`
	// At is the moment; with Since, the end of the range that begins so much earlier. The
	// zero time is now.
	At time.Time `json:"at,omitzero"`
	// Since and Step are in nanoseconds.
	Since time.Duration `json:"since,omitempty"`
	Step  time.Duration `json:"step,omitempty"`
}

// Figures asks a question in PromQL. It fails with town.ErrUsage for a malformed one, and
// with town.ErrRefused while no figures are kept.
func (c *Client) Figures(ctx context.Context, q Question) (all []series.Line, err error) {
	err = c.call(ctx, "POST", "figures", q, &all)
	return all, err
}

// FigureBoard returns the Town's figures with their thresholds and the last hour.
func (c *Client) FigureBoard(ctx context.Context) (rows []series.Row, err error) {
	err = c.call(ctx, "GET", "figures", nil, &rows)
	return rows, err
}

// Exposition returns the present metrics of the Deacon in Prometheus' text format.
func (c *Client) Exposition(ctx context.Context) (text string, err error) {
	err = c.call(ctx, "GET", "exposition", nil, &text)
	return text, err
}
