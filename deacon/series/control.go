package series

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/prometheus/common/expfmt"

	"gastown/deacon/control"
	"gastown/deacon/guard"
	"gastown/town"
	"gastown/town/series"
)

// maxAnswer is how large an answer may be, in bytes, so that the client takes it.
const maxAnswer = 3 << 20

// Control implements part.Controlled.
func (p *Part) Control(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/figures", func(w http.ResponseWriter, r *http.Request) {
		var q control.Question
		if !guard.ReadJSON(w, r, &q) {
			return
		}
		lines, err := p.ask(r.Context(), q)
		control.Reply(w, lines, explain(err))
	})
	mux.HandleFunc("GET /v1/figures", func(w http.ResponseWriter, r *http.Request) {
		rows, err := p.host.Series().Board(r.Context(), p.inForce(), p.host.Now())
		control.Reply(w, rows, explain(err))
	})
	mux.HandleFunc("GET /v1/exposition", func(w http.ResponseWriter, _ *http.Request) {
		text, err := p.exposition()
		control.Reply(w, text, err)
	})
}

// ask answers a question.
func (p *Part) ask(ctx context.Context, q control.Question) (lines []series.Line, err error) {
	at := q.At
	if at.IsZero() {
		at = p.host.Now()
	}
	if q.Since > 0 {
		lines, err = p.host.Series().Range(ctx, q.Expr, series.Window{From: at.Add(-q.Since), To: at, Step: q.Step})
	} else {
		lines, err = p.host.Series().At(ctx, q.Expr, at)
	}
	if err != nil {
		return nil, err
	}
	if text, err := json.Marshal(lines); err != nil || len(text) > maxAnswer {
		return nil, fmt.Errorf("%w: the answer is too large; ask for fewer series or a longer step", town.ErrUsage)
	}
	return lines, nil
}

// explain gives an error of a question its next step.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, series.ErrOff):
		return town.Fail("ask for figures", "gt monitor enable --type=performance", "%w: %w", town.ErrRefused, err)
	case errors.Is(err, town.ErrUsage):
		return town.Fail("ask for figures", "gt metrics query --help has examples", "%w", err)
	}
	return err
}

// exposition is what GET /metrics answers, in the order of the names.
func (p *Part) exposition() (string, error) {
	families, err := p.host.Gatherer().Gather()
	if len(families) == 0 && err != nil {
		return "", err
	}
	var text bytes.Buffer
	for _, f := range slices.Clip(families) {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}
