package host

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gastown/cmd/internal/shell"
	"gastown/town"
)

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {errors.New("x"), 1}, {town.Fail("do", "", "%w", town.ErrUsage), 2}, {ReviewsOpen{2}, 3},
		{fmt.Errorf("x: %w", town.ErrBusy), 4}, {town.Fail("do", "", "%w", town.ErrRefused), 5},
		{errors.Join(ReviewsOpen{1}, town.ErrBusy), 4}, {context.Canceled, 1},
	} {
		if got := shell.ExitCode(test.err); got != test.want {
			t.Errorf("%v exits %d, want %d", test.err, got, test.want)
		}
	}
}
