package flags

import (
	"fmt"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/internal/shell"
)

// spanFlags are the flags that bound times, in pairs: from, to.
var spanFlags = [...]string{
	"created-after", "created-before", "updated-after", "updated-before",
	"closed-after", "closed-before", "due-after", "due-before", "defer-after", "defer-before",
}

// Define describes the flags.
func (f *Filters) Define(c *kingpin.CmdClause) {
	f.defineFields(c)
	f.defineTexts(c)
	for i, name := range spanFlags {
		c.Flag(name, "A bound in time: 2026-01-31, yesterday, -2w, last monday.").PlaceHolder("DATE").StringVar(&f.spans[i])
	}
	c.Flag("overdue", "Only beads past their due date that are not closed.").BoolVar(&f.overdue)
	c.Flag("deferred", "Only beads that were put aside.").BoolVar(&f.details.Deferred)
	f.DefineOrder(c)
}

// usualLimit is how many beads the list shows without --limit.
func (f *Filters) usualLimit() int {
	if f.standard > 0 {
		return f.standard - 1
	}
	return defaultLimit
}

// DefineOrder describes only the flags of the order and of how many beads.
func (f *Filters) DefineOrder(c *kingpin.CmdClause) {
	c.Flag("sort", "Order: fields separated by commas, - before one reverses it.").PlaceHolder("FIELD,...").StringVar(&f.sort)
	c.Flag("reverse", "Reverse the order, that of --sort or the usual one.").Short('r').BoolVar(&f.reverse)
	shell.Number(c.Flag("limit", "How many at most; 0 for all.").Short('n').Default(fmt.Sprint(f.usualLimit())).PlaceHolder("N"), &f.limit)
	shell.Number(c.Flag("offset", "Skip this many.").PlaceHolder("N"), &f.offset)
}

// DefineStatus describes only the flag that selects statuses.
func (f *Filters) DefineStatus(c *kingpin.CmdClause) {
	c.Flag("status", "Statuses, separated by commas; all for every one.").Short('s').PlaceHolder("STATUS,...").StringsVar(&f.statuses)
}

// defineFields describes the flags that compare fields.
func (f *Filters) defineFields(c *kingpin.CmdClause) {
	f.DefineStatus(c)
	c.Flag("state", "The same as --status.").Hidden().StringsVar(&f.statuses)
	c.Flag("pinned", "Only pinned beads.").BoolVar(&f.details.Pinned)
	c.Flag("no-pinned", "No pinned beads.").BoolVar(&f.details.NotPinned)
	c.Flag("type", "Types.").Short('t').PlaceHolder("TYPE,...").StringsVar(&f.types)
	c.Flag("exclude-type", "Types to leave out.").PlaceHolder("TYPE,...").StringsVar(&f.notTypes)
	c.Flag("priority", "Priorities, 0 to 4 or P0 to P4.").Short('p').PlaceHolder("N,...").StringsVar(&f.priorities)
	c.Flag("priority-min", "The smallest number of a priority; 0 is the most urgent.").PlaceHolder("N").StringVar(&f.lowest)
	c.Flag("priority-max", "The largest number of a priority.").PlaceHolder("N").StringVar(&f.highest)
	c.Flag("assignee", "Who it is assigned to; none for nobody.").Short('a').PlaceHolder("NAME,...").StringsVar(&f.assignees)
	c.Flag("unassigned", "Only beads nobody is assigned to.").BoolVar(&f.unassigned)
	c.Flag("no-assignee", "The same as --unassigned.").BoolVar(&f.unassigned)
	c.Flag("owner", "Who owns it.").PlaceHolder("NAME,...").StringsVar(&f.owners)
	c.Flag("created-by", "Who created it.").PlaceHolder("NAME,...").StringsVar(&f.creators)
	c.Flag("label", "Labels that must all be there.").Short('l').PlaceHolder("LABEL,...").StringsVar(&f.labels)
	c.Flag("label-any", "Labels of which one must be there.").PlaceHolder("LABEL,...").StringsVar(&f.anyLabels)
	c.Flag("label-not", "Labels that must not be there.").PlaceHolder("LABEL,...").StringsVar(&f.notLabels)
	c.Flag("label-exact", "The same as --label.").Hidden().StringsVar(&f.labels)
	c.Flag("exclude-label", "The same as --label-not.").PlaceHolder("LABEL,...").StringsVar(&f.notLabels)
	c.Flag("label-pattern", "A pattern that one of the labels matches: 'tech-*'.").PlaceHolder("GLOB").StringVar(&f.details.LabelGlob)
	c.Flag("label-regex", "A regular expression that a part of one of the labels matches.").PlaceHolder("REGEXP").StringVar(&f.details.LabelRegexp)
	c.Flag("no-labels", "Only beads without a label.").BoolVar(&f.details.NoLabels)
	c.Flag("id", "These ids only.").PlaceHolder("ID,...").StringsVar(&f.ids)
	c.Flag("prefix", "Ids that begin with a rig's prefix.").PlaceHolder("PREFIX,...").StringsVar(&f.prefixes)
	c.Flag("parent", "Children of a bead.").PlaceHolder("ID").StringVar(&f.parent)
	c.Flag("filter-parent", "The same as --parent.").Hidden().StringVar(&f.parent)
	c.Flag("no-parent", "Only beads that are nobody's child.").BoolVar(&f.details.NoParent)
}

// defineTexts describes the flags that search in one field.
func (f *Filters) defineTexts(c *kingpin.CmdClause) {
	c.Flag("title", "Text in the title, in any case.").PlaceHolder("TEXT").StringVar(&f.details.Title)
	c.Flag("title-contains", "The same as --title.").PlaceHolder("TEXT").StringVar(&f.details.Title)
	c.Flag("desc-contains", "Text in the description, in any case.").PlaceHolder("TEXT").StringVar(&f.details.Description)
	c.Flag("notes-contains", "Text in the notes, in any case.").PlaceHolder("TEXT").StringVar(&f.details.Notes)
	c.Flag("external-contains", "Text in the external reference, in any case.").PlaceHolder("TEXT").StringVar(&f.details.Reference)
	c.Flag("external-ref", "The whole external reference.").PlaceHolder("REF").StringVar(&f.details.ExternalRef)
	c.Flag("spec", "What the spec's id begins with.").PlaceHolder("TEXT").StringVar(&f.spec)
	c.Flag("metadata-field", "A value of the metadata, as KEY=VALUE; may be repeated.").PlaceHolder("KEY=VALUE").StringsVar(&f.metadata)
	c.Flag("has-metadata-key", "A key that the metadata must have; may be repeated.").PlaceHolder("KEY").StringsVar(&f.metadataKeys)
	c.Flag("empty-description", "Only beads without a description.").BoolVar(&f.details.NoDescription)
}
