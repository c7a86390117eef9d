package cli

import (
	"fmt"
	"strconv"

	"gastown/town"
)

// parseMinutes reads an estimate; nothing is no estimate, which is -1.
func parseMinutes(s string) (int, error) {
	if s == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%w: --estimate %q: use a whole number of minutes", town.ErrUsage, town.Clip(s, 40))
	}
	return n, nil
}
