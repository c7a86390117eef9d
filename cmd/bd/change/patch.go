package change

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/planes/ledger"
	"gastown/town"
)

func (o *updateOptions) flags(c *kingpin.CmdClause) {
	c.Arg("id", "Ids, of which a unique beginning is enough; the bead you touched last if you give none.").PlaceHolder("ID").StringsVar(&o.ids)
	c.Flag("batch", "Changes in a file: an array of objects with id and the keys to change, or one object a line.").PlaceHolder("FILE").StringVar(&o.batch)
	c.Flag("title", "A new title.").PlaceHolder("TEXT").SetValue(&o.title)
	o.prose.Define(c)
	c.Flag("status", "Where it stands.").Short('s').PlaceHolder("STATUS").SetValue(&o.status)
	c.Flag("type", "Its type.").Short('t').PlaceHolder("TYPE").SetValue(&o.kind)
	c.Flag("priority", "0 (most urgent) to 4.").Short('p').PlaceHolder("N").SetValue(&o.priority)
	c.Flag("assignee", "Who does it; \"\" for nobody.").Short('a').PlaceHolder("NAME").SetValue(&o.assignee)
	c.Flag("owner", "Who answers for it.").PlaceHolder("NAME").SetValue(&o.owner)
	c.Flag("claim", "Take it up: assigned to you and in progress, unless somebody else has it.").BoolVar(&o.claim)
	c.Flag("add-label", "Labels to add.").Short('l').PlaceHolder("LABEL,...").StringsVar(&o.addLabels)
	c.Flag("remove-label", "Labels to take away.").PlaceHolder("LABEL,...").StringsVar(&o.removeLabels)
	c.Flag("set-labels", "All its labels; \"\" for none.").PlaceHolder("LABEL,...").SetValue(&o.labels)
	c.Flag("parent", "Make it a child of another bead; \"\" of none.").PlaceHolder("ID").SetValue(&o.parent)
	c.Flag("estimate", "Minutes it may take; \"\" for no estimate.").Short('e').PlaceHolder("MINUTES").SetValue(&o.estimate)
	c.Flag("due", "When it is due; \"\" for never.").PlaceHolder("DATE").SetValue(&o.due)
	c.Flag("defer", "Put it aside: not ready before then; \"\" for at once.").PlaceHolder("DATE").SetValue(&o.start)
	c.Flag("external-ref", "Its id in another system; \"\" for none.").PlaceHolder("REF").SetValue(&o.external)
	c.Flag("spec-id", "The document that specifies it; \"\" for none.").PlaceHolder("SPEC").SetValue(&o.spec)
	c.Flag("metadata", "Values for other programs, put over those it has: a JSON object, or @FILE.").PlaceHolder("JSON").SetValue(&o.metadata)
	c.Flag("set-metadata", "Set one of these values, a text.").PlaceHolder("KEY=VALUE").StringsVar(&o.setMetadata)
	c.Flag("unset-metadata", "Take one of them away.").PlaceHolder("KEY").StringsVar(&o.unsetMetadata)
	c.Flag("ephemeral", "It is short-lived: it is no work, and exports leave it out.").BoolVar(&o.ephemeral)
	c.Flag("persistent", "It is not short-lived.").BoolVar(&o.persistent)
	c.Flag("session", "The session of an agent that closes it; kept with it.").PlaceHolder("ID").StringVar(&o.session)
	c.Flag("force", "With --status closed: close it although it waits for open ones or has open children.").BoolVar(&o.force)
	c.Flag("if-assignee", "Only if this is who has it, \"\" for nobody; else nothing is changed, and the exit code is 1.").PlaceHolder("NAME").SetValue(&o.ifAssignee)
	c.Flag("if-status", "Only if this is its status; else nothing is changed, and the exit code is 1.").PlaceHolder("STATUS").SetValue(&o.ifStatus)
	for _, name := range []string{"no-history", "history"} {
		c.Flag(name, "Accepted without effect.").Hidden().Bool()
	}
}

// patch returns the change that the flags describe, and whether there is any.
func (o *updateOptions) patch() (p ledger.Patch, any bool, err error) {
	if err := o.prose.Read(o.call); err != nil {
		return p, false, err
	}
	p = ledger.Patch{
		Title: o.title.Pointer(), Description: o.prose.Description.Pointer(), Design: o.prose.Design.Pointer(),
		AcceptanceCriteria: o.prose.Acceptance.Pointer(), Notes: o.prose.Notes.Pointer(), AppendNotes: o.prose.AppendNotes.Pointer(),
		Assignee: o.assignee.Pointer(), Owner: o.owner.Pointer(), ExternalRef: o.external.Pointer(), SpecID: o.spec.Pointer(),
		Parent: o.parent.Pointer(), Claim: o.claim, Session: o.session,
	}
	var errs []error
	labels := func(values []string) []string {
		list, err := flags.Labels(values)
		errs = append(errs, err)
		return list
	}
	p.AddLabels, p.RemoveLabels = labels(o.addLabels), labels(o.removeLabels)
	if o.labels.Given {
		all := flags.Split(o.labels.Values) // '' is none
		p.Labels = &all
	}
	p.Status = flags.Parsed(o.status, town.StatusWord, &errs)
	p.Type = flags.Parsed(o.kind, town.TypeWord, &errs)
	p.Priority = flags.Parsed(o.priority, town.ParsePriority, &errs)
	p.EstimatedMinutes = flags.Parsed(o.estimate, flags.Minutes, &errs)
	errs = append(errs, o.dates(&p), o.values(&p))
	if o.ephemeral && o.persistent {
		errs = append(errs, fmt.Errorf("%w: give --ephemeral or --persistent, not both", town.ErrUsage))
	}
	if o.ephemeral || o.persistent {
		p.Ephemeral = &o.ephemeral
	}
	any = !reflect.DeepEqual(p, ledger.Patch{Session: o.session})
	p.Guarded, p.IfAssignee = !o.force, o.ifAssignee.Pointer()
	p.IfStatus = flags.Parsed(o.ifStatus, town.StatusWord, &errs)
	return p, any, errors.Join(errs...)
}

// dates reads the flags that hold dates.
func (o *updateOptions) dates(p *ledger.Patch) error {
	now := o.call.Now()
	date := func(name string) func(string) (time.Time, error) {
		return func(s string) (time.Time, error) { return flags.Date{Name: name, Text: s}.At(now) }
	}
	var errs []error
	p.DueAt = flags.Parsed(o.due, date("due"), &errs)
	p.DeferUntil = flags.Parsed(o.start, date("defer"), &errs)
	if p.DeferUntil != nil && !p.DeferUntil.IsZero() && !p.DeferUntil.After(now) {
		warnPast(o.call, "--defer "+o.start.Value)
	}
	return errors.Join(errs...)
}

// values reads the flags that hold metadata.
func (o *updateOptions) values(p *ledger.Patch) error {
	if o.metadata.Given && len(o.setMetadata)+len(o.unsetMetadata) > 0 {
		return fmt.Errorf("%w: give --metadata, or --set-metadata and --unset-metadata", town.ErrUsage)
	}
	set := map[string]json.RawMessage{}
	if o.metadata.Given {
		raw, err := flags.JSONObject(o.call, "metadata", o.metadata.Value)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &set); err != nil {
			return err
		}
	}
	for _, pair := range o.setMetadata {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return fmt.Errorf("%w: --set-metadata %q is not KEY=VALUE", town.ErrUsage, town.Clip(pair, 80))
		}
		set[key], _ = json.Marshal(value) // a string: never fails
	}
	if len(set) > 0 {
		p.SetMetadata = set
	}
	p.UnsetMetadata = o.unsetMetadata
	return nil
}
