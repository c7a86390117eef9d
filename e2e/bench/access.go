package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gastown/town/access"
)

const (
	// accessCheck is the name of a figure.
	accessCheck = "check of a permission"
	// accessUsers and accessRules are how many users the file has, and how many permissions
	// each of them; accessChecks is how many checks are timed.
	accessUsers, accessRules, accessChecks = 1000, 24, 10_000
)

// permission measures what a command pays for config/access.yaml: the last rule of the last
// user decides.
func permission() (deaconFigure, error) {
	var text strings.Builder
	text.WriteString("users:\n")
	for i := range accessUsers {
		fmt.Fprintf(&text, "- {email: u%d@example.com, role: developer, permissions: [%s'town:read'], restrictions: ['no:*polecat*']}\n",
			i, strings.Repeat("'crew:*', ", accessRules))
	}
	p, err := access.Parse([]byte(text.String()))
	if err != nil {
		return deaconFigure{}, err
	}
	last := fmt.Sprintf("u%d@example.com", accessUsers-1)
	began := time.Now()
	for range accessChecks {
		if !p.May(last, access.ReadTown).Allowed {
			return deaconFigure{}, errors.New("a permission did not count")
		}
	}
	took := time.Since(began)
	return deaconFigure{Name: accessCheck, Unit: "us", Value: float64(took.Nanoseconds()) / accessChecks / 1000}, nil
}
