package doctor

import (
	"context"
	"errors"

	"gastown/planes/doltdb"
	"gastown/sync/federate"
	"gastown/town"
	"gastown/town/instance"
)

// instance finds that another directory speaks for the Town.
func (d *doctor) instance(ctx context.Context) (found []finding, err error) {
	in, err := d.engine.Instance(ctx)
	if errors.Is(err, doltdb.ErrMissing) {
		return nil, nil // examined under layout
	}
	if err != nil || in.Other == "" && !in.Damaged {
		return nil, err
	}
	if in.Role() == instance.OnStandby {
		return nil, nil // it is meant to
	}
	if in.Damaged {
		return []finding{{Severity: problem, What: in.Fence(), Why: "the Deacon's controllers do not act until a person decides",
			Next: "gt town status; if the Town goes on here: gt federation instance continue"}}, nil
	}
	what := "another directory speaks for this Town (instance " + town.Clip(in.Other, 8) + ")"
	if in.CopyOf != nil {
		what += "; this one is a copy of " + in.CopyOf.Place.String()
	}
	return []finding{{Severity: problem, What: what, Why: "nothing is published from here until a person decides which one goes on, and the Deacon's controllers do not act",
		Next: "gt town status; " + federate.InstanceAdvice}}, nil
}
