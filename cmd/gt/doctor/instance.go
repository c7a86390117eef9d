package doctor

import (
	"context"
	"errors"

	"gastown/planes/doltdb"
	"gastown/town"
)

// instance finds that another directory speaks for the Town.
func (d *doctor) instance(ctx context.Context) (found []finding, err error) {
	in, err := d.engine.Instance(ctx)
	if errors.Is(err, doltdb.ErrMissing) {
		return nil, nil // examined under layout
	}
	if err != nil || in.Other == "" {
		return nil, err
	}
	what := "another directory speaks for this Town (instance " + town.Clip(in.Other, 8) + ")"
	if in.CopyOf != nil {
		what += "; this one is a copy of " + in.CopyOf.Place.Root + " on " + in.CopyOf.Place.Host
	}
	return []finding{{Severity: problem, What: what, Why: "nothing is published from here until a person decides which one goes on",
		Next: "if the Town goes on here: gt federation instance continue; if this is another Town: gt federation instance new --name NAME"}}, nil
}
