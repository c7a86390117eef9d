package series

import (
	"bytes"

	"gastown/town/durable"
	"gastown/town/series"
)

// readRules puts the file of rules in force. When it cannot be used, the former rules stay;
// at the start those that were last in force, if they are known.
func (p *Part) readRules(start bool) {
	t := p.host.Layout()
	text, err := series.ReadRules(t.Rules())
	if err != nil {
		p.host.Log().WithError(err).Error("the rules were not read; the former ones stay in force")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problem = err
	switch {
	case err == nil:
		p.rules = text
	case start:
		if kept, failed := series.ReadRules(t.RulesKept()); failed == nil {
			p.rules = kept
		}
		return
	default:
		return
	}
	if kept, err := series.ReadRules(t.RulesKept()); err == nil && bytes.Equal(kept, text) {
		return
	}
	if err := durable.Replace(t.RulesKept(), text, 0o600); err != nil {
		p.host.Log().WithError(err).Warn("the rules in force could not be kept for the next start")
	}
}
