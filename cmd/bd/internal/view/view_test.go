package view

import (
	"bytes"
	"encoding/json"
	"testing"

	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
)

func TestLine(t *testing.T) {
	b := town.Bead{ID: "gt-1", Title: "x\ny\x1b[2J", Status: town.StatusOpen, Priority: 1, Type: town.TypeTask}
	if got := Line(b); got != "○ gt-1 P1 x\ny\x1b[2J" {
		t.Errorf("%q", got)
	}
	b.Type, b.Status, b.Assignee = town.TypeBug, "strange", "ada"
	var out bytes.Buffer
	p := term.New(&out, true)
	Bead(p, "", b, "")
	if err := p.Flush(); err != nil || out.String() != "? gt-1 P1 [bug] x\\x0ay\\x1b[2J @ada\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// Only the fields that were asked for are printed, in their order.
func TestPicked(t *testing.T) {
	text, err := json.Marshal(Pick(town.Bead{ID: "a", Title: "t", Priority: 0, Status: "open"}, ledger.Fields{"status", "priority", "status", "notes"}))
	if err != nil || string(text) != `{"id":"a","status":"open","priority":0}` {
		t.Errorf("%s, %v", text, err)
	}
}
