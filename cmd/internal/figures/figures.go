// Package figures gives commands the Town's metrics over time: from the Deacon while one
// runs, otherwise from the files that one left.
package figures

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/sirupsen/logrus"

	"gastown/cmd/internal/host"
	"gastown/cmd/internal/shell"
	"gastown/deacon/control"
	"gastown/town/layout"
	"gastown/town/series"
)

// From calls live with the Deacon, or left with the files of metrics when none runs. left
// may be nil. It fails with control.ErrNoDeacon when there is neither. op is what the
// caller wants.
func From(ctx context.Context, call *shell.Call, op string, live func(context.Context, *control.Client) error, left func(*series.File, layout.Town) error) error {
	t, err := call.FindTown()
	if err != nil {
		return err
	}
	client, _, err := host.Reach(ctx, t, op)
	if err == nil {
		defer client.Close()
		ctx, cancel := context.WithTimeout(ctx, call.Wait)
		defer cancel()
		return live(ctx, client)
	}
	if !errors.Is(err, control.ErrNoDeacon) || left == nil {
		return err
	}
	silent := logrus.New()
	silent.SetOutput(io.Discard)
	f, openErr := series.Open(t.Series(), silent)
	if errors.Is(openErr, fs.ErrNotExist) {
		return err
	}
	if openErr != nil {
		return openErr
	}
	return errors.Join(left(f, t), f.Close())
}

// Source answers questions about a range of time.
type Source interface {
	Range(ctx context.Context, expr string, w series.Window) ([]series.Line, error)
}

// With calls fn with a source of metrics; see From.
func With(ctx context.Context, call *shell.Call, op string, fn func(context.Context, Source) error) error {
	return From(ctx, call, op, func(ctx context.Context, c *control.Client) error { return fn(ctx, asked{c}) },
		func(f *series.File, _ layout.Town) error { return fn(ctx, f) })
}

// asked is the Deacon as a source.
type asked struct{ client *control.Client }

func (a asked) Range(ctx context.Context, expr string, w series.Window) ([]series.Line, error) {
	return a.client.Figures(ctx, control.Question{Expr: expr, At: w.To, Since: w.To.Sub(w.From), Step: w.Step})
}
