package agent

import (
	"strings"

	"gastown/tmux"
)

// busyAbove is how many lines that are not empty above the composer are searched for
// the preset's busy line; what is further up is what the agent wrote.
const busyAbove = 8

// read judges a screen. visible is how many lines at its end are on the screen; those
// before them are of the past.
func (p *Preset) read(s tmux.Screen, begun bool) Look {
	all := lines(s.Text)
	look := Look{State: Starting, Lines: texts(all), Begun: begun, Signs: signs(s.Session)}
	visible := all[max(0, len(all)-s.Pane.Height):]
	if s.Pane.Dead {
		look.State = Ended
		return look
	}
	at := p.composerLine(visible)
	look.composer = len(look.Lines)
	if at >= 0 {
		look.composer = len(all) - len(visible) + at
		look.Draft = p.draft(visible, at, s.Pane)
	}
	if d := p.dialog(visible, begun, &look); d {
		return look
	}
	switch {
	case p.busy != nil && p.isBusy(visible, at):
		look.State = Busy
	case at >= 0, p.composer == nil:
		look.State = Ready
	}
	return look
}

// composerLine is the last line that begins as the composer does; -1 without one.
func (p *Preset) composerLine(visible []line) int {
	if p.composer == nil {
		return -1
	}
	for i := len(visible) - 1; i >= 0; i-- {
		if !p.inComposer(visible[i]) {
			continue
		}
		for p.Block && i > 0 && p.inComposer(visible[i-1]) {
			i--
		}
		if p.above == nil || i > 0 && p.above.MatchString(visible[i-1].text) {
			return i
		}
	}
	return -1
}

// inComposer reports whether a line begins as those of the composer do.
func (p *Preset) inComposer(l line) bool {
	return p.composer.MatchString(l.text+" ") && (p.below == nil || !p.below.MatchString(l.text))
}

// draft is the text in the composer. Dimmed text is the program's own.
func (p *Preset) draft(visible []line, at int, pane tmux.Pane) string {
	prefix := len([]rune(p.composer.FindString(visible[at].text + " ")))
	last := at
	if p.Cursor && pane.CursorY > at && pane.CursorY < len(visible) {
		last = pane.CursorY
	}
	for p.Block && last+1 < len(visible) && p.inComposer(visible[last+1]) {
		last++
	}
	var text []string
	for i := at; i <= last; i++ {
		l := cut(visible[i].bright, prefix)
		text = append(text, strings.TrimRight(l, " │┃"))
	}
	draft := strings.TrimSpace(strings.ReplaceAll(strings.Join(text, "\n"), "\u00a0", " "))
	if p.hint != nil && p.hint.MatchString(draft) {
		return ""
	}
	if draft == "" && p.Cursor && last > at { // the cursor says that there are lines, all blank
		return "\n"
	}
	return draft
}

// isBusy looks for the busy line near the composer, or near the end of a screen that
// has none.
func (p *Preset) isBusy(visible []line, at int) bool {
	for i := len(visible) - 1; i > at && i >= 0; i-- {
		if p.busy.MatchString(visible[i].text) {
			return true
		}
	}
	from, seen := at-1, 0
	if at < 0 {
		from = -1
	}
	for i := from; i >= 0 && seen < busyAbove; i-- {
		if visible[i].text == "" {
			continue
		}
		seen++
		if p.busy.MatchString(visible[i].text) {
			return true
		}
	}
	return false
}

// dialog looks for the dialogs of the preset, and reports whether one is open.
func (p *Preset) dialog(visible []line, begun bool, look *Look) bool {
	whole := strings.Join(strings.Fields(strings.Join(texts(visible), " ")), " ")
	for _, d := range p.Dialogs {
		if begun && !d.Always || !d.text.MatchString(whole) {
			continue
		}
		look.State, look.Dialog = Waiting, d.Name
		if begun || d.Always {
			return true
		}
		for _, a := range d.Answers {
			for _, l := range visible {
				if a.selected.MatchString(l.text) {
					look.State, look.keys = Asking, a.Keys
					return true
				}
			}
		}
		return true
	}
	return false
}

// signs are the signs of life in a session's facts.
func signs(s tmux.Session) Signs {
	return Signs{
		Agent: s.Tags[tagAgent], Run: number(s.Tags[tagRun]), Preset: s.Tags[tagPreset], Name: s.Name, ID: s.ID,
		PID: s.Pane.PID, Ended: s.Pane.Dead, reaped: s.Pane.Reaped, Status: s.Pane.Status,
		Started: s.Created.UTC(), Output: s.Pane.Output.UTC(), Typed: s.Active.UTC(),
		Attached: s.Clients, Scrolled: s.Pane.InMode,
	}
}
