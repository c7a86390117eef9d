package witness

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gastown/planes/operational"
	"gastown/town"
	"gastown/town/escalate"
)

// keyPrefix begins the keys of a Witness's escalations; the rig follows.
const keyPrefix = "witness/"

// rigOfKey is the rig of an escalation of a Witness; "" for another one.
func rigOfKey(key string) string {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// shared are the dialogs whose cause is not the polecat's: a login is missing for all.
var shared = []string{"login", "usage limit"}

// troubles are what people must see now.
func (p *planner) troubles(findings []Finding) (all []escalate.Trouble) {
	byRig := map[string][]Finding{}
	for _, f := range findings {
		if f.Stuck() {
			byRig[f.Agent.Rig] = append(byRig[f.Agent.Rig], f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byRig)) {
		if stuck := byRig[name]; len(stuck) > p.Many {
			all = append(all, many(name, stuck))
		} else {
			all = append(all, waiting(name, stuck)...)
		}
	}
	for _, r := range p.Work.Recoveries {
		if !slices.Contains(p.Rigs, r.Agent.Rig) {
			continue
		}
		from := town.Address{Kind: town.Witness, Rig: r.Agent.Rig}.String()
		b, known := p.Beads[r.Bead]
		switch {
		case r.State == operational.RecoveryBlocked && known && b.Status == town.StatusBlocked:
			all = append(all, escalate.Trouble{
				Key: keyPrefix + r.Agent.Rig + "/lost/" + r.Bead, Severity: escalate.High, From: from, About: r.Bead,
				Title: fmt.Sprintf("%s loses its workers", r.Bead), Text: "The last one was " + r.Agent.String() + ": " + r.Why,
				Next: fmt.Sprintf("gt feed shows what happened; when the cause is gone: bd update %s --status open, then gt sling %s %s", r.Bead, r.Bead, r.Agent.Rig),
			})
		case r.State == operational.RecoveryBegun && p.Now.Sub(r.At) >= p.NudgeInterval:
			all = append(all, escalate.Trouble{
				Key: keyPrefix + r.Agent.Rig + "/unsaved/" + r.Agent.Name, Severity: escalate.High, From: from, About: r.Bead,
				Title: fmt.Sprintf("the work of %s cannot be saved", r.Agent), Text: "Its session has ended (" + r.Why + "), and its sandbox stays until its work is saved.",
				Next: "gt witness patrol " + r.Agent.Rig + " says what keeps it; usually the remote takes nothing",
			})
		}
	}
	return all
}

// many is the one trouble of many polecats that are stuck at once.
func many(name string, stuck []Finding) escalate.Trouble {
	count := map[string]int{}
	var lines []string
	for _, f := range stuck {
		count[f.Cause]++
		lines = append(lines, fmt.Sprintf("%s (%s) is %s: %s", f.Agent, f.Bead, f.Verdict, f.Evidence))
	}
	causes := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b))
	})
	var words []string
	for _, c := range causes {
		words = append(words, fmt.Sprintf("%s (%d)", c, count[c]))
	}
	return escalate.Trouble{
		Key: keyPrefix + name + "/many", Severity: escalate.High, From: town.Address{Kind: town.Witness, Rig: name}.String(),
		Title: fmt.Sprintf("%d polecats of %s are stuck at once: %s", len(stuck), name, causes[0]),
		Text:  "Causes: " + strings.Join(words, ", ") + ".\n\n" + strings.Join(lines, "\n"),
		Next:  "gt witness status " + name + " shows how they are; so many at once usually have one cause, such as a login, a usage limit or the network",
	}
}

// waiting are the troubles of polecats that wait for a person, those with a shared cause
// together.
func waiting(name string, stuck []Finding) (all []escalate.Trouble) {
	for _, f := range stuck {
		if f.Verdict != Waiting {
			continue
		}
		t := escalate.Trouble{
			Key: keyPrefix + name + "/waiting/" + f.Cause, Severity: escalate.High, From: town.Address{Kind: town.Witness, Rig: name}.String(),
			Title: fmt.Sprintf("agents of %s wait: %s", name, f.Cause), Text: fmt.Sprintf("%s: %s", f.Agent, f.Evidence), Next: "gt attach " + f.Agent.String(),
		}
		if !slices.Contains(shared, f.Cause) {
			t.Key += "/" + f.Agent.Name
			t.Title, t.About = fmt.Sprintf("%s waits for a person: %s", f.Agent, f.Cause), f.Bead
		}
		if !slices.ContainsFunc(all, func(o escalate.Trouble) bool { return o.Key == t.Key }) {
			all = append(all, t)
		}
	}
	return all
}

// tell plans to tell people of troubles, and to settle what has gone. What nobody could
// look at has not gone.
func (p *planner) tell(troubles []escalate.Trouble) {
	for _, t := range troubles {
		if !slices.Contains(p.Raised, t.Key) {
			p.actions = append(p.actions, Action{Deed: Raise, Bead: t.About, Why: t.Title, trouble: t})
		}
	}
	for _, key := range p.Raised {
		name := rigOfKey(key)
		lost := strings.HasPrefix(key, keyPrefix+name+"/lost/")
		gone := !slices.ContainsFunc(troubles, func(t escalate.Trouble) bool { return t.Key == key })
		if gone && slices.Contains(p.Rigs, name) && (lost || p.Unknown == nil) {
			p.actions = append(p.actions, Action{Deed: Settle, Why: key + " has gone", trouble: escalate.Trouble{Key: key}})
		}
	}
}
