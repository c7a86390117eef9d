package change

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/flags"
	"gastown/planes/ledger"
	"gastown/town"
)

// extraFlags are flags for fields that only other programs interpret, with the
// fields' JSON keys.
var extraFlags = [...][2]string{
	{"mol-type", "mol_type"}, {"wisp-type", "wisp_type"}, {"event-category", "event_kind"}, {"event-actor", "actor"},
	{"event-target", "target"}, {"event-payload", "payload"},
}

// The values of --waits-for-gate.
const (
	allChildren = "all-children"
	anyChildren = "any-children"
)

// extraNames are the names of extraFlags.
func extraNames() (names []string) {
	for _, f := range extraFlags {
		names = append(names, f[0])
	}
	return names
}

func (o *createOptions) flags(c *kingpin.CmdClause) {
	c.Arg("title", "What is to be done, in one line.").PlaceHolder("TITLE").StringVar(&o.title)
	c.Flag("title", "The same as TITLE.").Hidden().StringVar(&o.titleFlag)
	o.prose.Define(c)
	c.Flag("type", "task, bug, feature, epic, chore or another type.").Short('t').PlaceHolder("TYPE").StringVar(&o.kind)
	c.Flag("priority", "0 (most urgent) to 4; 2 by default.").Short('p').PlaceHolder("N").StringVar(&o.priority)
	c.Flag("status", "Where it stands; open by default.").Short('s').PlaceHolder("STATUS").StringVar(&o.status)
	c.Flag("assignee", "Who does it.").Short('a').PlaceHolder("NAME").StringVar(&o.assignee)
	c.Flag("owner", "Who answers for it; the author by default.").PlaceHolder("NAME").StringVar(&o.owner)
	c.Flag("labels", "Labels, separated by commas.").Short('l').PlaceHolder("LABEL,...").StringsVar(&o.labels)
	c.Flag("label", "The same as --labels.").Hidden().PlaceHolder("LABEL,...").StringsVar(&o.labels)
	c.Flag("deps", "What it depends on: ID or TYPE:ID, separated by commas. blocks:ID makes ID wait for it.").PlaceHolder("ID,...").StringsVar(&o.deps)
	c.Flag("waits-for", "Make it wait for the children of this bead.").PlaceHolder("ID").StringVar(&o.waitsFor)
	c.Flag("waits-for-gate", "all-children, or any-children for the first of them.").Default(allChildren).PlaceHolder("GATE").EnumVar(&o.gate, allChildren, anyChildren)
	c.Flag("parent", "Make it a child of this bead.").PlaceHolder("ID").StringVar(&o.parent)
	c.Flag("id", "Give it this id instead of a new one.").PlaceHolder("ID").StringVar(&o.id)
	c.Flag("prefix", "The prefix of its id, instead of the rig's.").PlaceHolder("PREFIX").StringVar(&o.prefix)
	c.Flag("rig", "The rig it is for (default: the rig of the working directory).").PlaceHolder("RIG").StringVar(&o.rig)
	c.Flag("repo", "Make it in another Town, named by its absolute path.").PlaceHolder("DIR").StringVar(&o.repo)
	c.Flag("estimate", "Minutes it may take.").Short('e').PlaceHolder("MINUTES").StringVar(&o.estimate)
	c.Flag("due", "When it is due: 2026-01-31, tomorrow, +2d.").PlaceHolder("DATE").StringVar(&o.due.Text)
	c.Flag("defer", "Put it aside: not ready before then.").PlaceHolder("DATE").StringVar(&o.start.Text)
	c.Flag("external-ref", "Its id in another system, such as gh-42.").PlaceHolder("REF").StringVar(&o.external)
	c.Flag("spec-id", "The document that specifies it.").PlaceHolder("SPEC").StringVar(&o.spec)
	c.Flag("metadata", "Values for other programs: a JSON object, or @FILE.").PlaceHolder("JSON").StringVar(&o.metadata)
	c.Flag("ephemeral", "It is short-lived: it is no work, and exports leave it out.").BoolVar(&o.ephemeral)
	c.Flag("skills", "Skills it needs; a part of the description.").PlaceHolder("TEXT").StringVar(&o.skills)
	c.Flag("context", "What else to know; a part of the description.").PlaceHolder("TEXT").StringVar(&o.context)
	for i, f := range extraFlags {
		c.Flag(f[0], "Kept for other programs as "+f[1]+".").Hidden().StringVar(&o.extra[i])
	}
	c.Flag("no-inherit-labels", "Do not give it the labels of its parent.").BoolVar(&o.noInherit)
	c.Flag("force", "Accepted without effect: an id may have any prefix.").Hidden().Bool()
	c.Flag("no-history", "Accepted without effect.").Hidden().Bool()
	c.Flag("file", "Make a bead for each heading ## of a Markdown file, with fields under ###; - for standard input.").Short('f').PlaceHolder("FILE.md").StringVar(&o.file)
	c.Flag("graph", "Make the beads of a plan and the links between them, from a JSON file; - for standard input.").PlaceHolder("FILE.json").StringVar(&o.graph)
	c.Flag("validate", "Refuse it if it lacks what its type should say; see bd lint.").BoolVar(&o.validate)
	c.Flag("dry-run", "Check everything and make nothing.").BoolVar(&o.dryRun)
	c.Flag("silent", "Print the id alone.").BoolVar(&o.silent)
}

// bead returns the bead that the flags describe.
func (o *createOptions) bead() (n ledger.NewBead, err error) {
	if o.title != "" && o.titleFlag != "" && o.title != o.titleFlag {
		return n, fmt.Errorf("%w: give TITLE or --title, not both", town.ErrUsage)
	}
	if n.Title = o.title; n.Title == "" {
		n.Title = o.titleFlag
	}
	if strings.TrimSpace(n.Title) == "" {
		return n, fmt.Errorf("%w: a bead has a title: bd create TITLE", town.ErrUsage)
	}
	if err := o.prose.Read(o.call); err != nil {
		return n, err
	}
	n.Description, n.Design = o.prose.Description.Value, o.prose.Design.Value
	n.AcceptanceCriteria, n.Notes = o.prose.Acceptance.Value, o.prose.Notes.Value
	if o.prose.AppendNotes.Given {
		n.Notes = o.prose.AppendNotes.Value
	}
	for _, part := range [][2]string{{"Required Skills", o.skills}, {"Context", o.context}} {
		if part[1] != "" {
			n.Description = strings.TrimPrefix(n.Description+"\n\n## "+part[0]+"\n"+part[1], "\n\n")
		}
	}
	n.Assignee, n.Owner, n.ExternalRef, n.SpecID = o.assignee, o.owner, o.external, o.spec
	n.ID, n.Parent, n.Ephemeral, n.InheritLabels = o.id, o.parent, o.ephemeral, !o.noInherit
	if n.Labels, err = flags.Labels(o.labels); err != nil {
		return n, err
	}
	if err := o.words(&n); err != nil {
		return n, err
	}
	if err := o.dates(&n); err != nil {
		return n, err
	}
	if o.metadata != "" {
		if n.Metadata, err = flags.JSONObject(o.call, "metadata", o.metadata); err != nil {
			return n, err
		}
	}
	for i, f := range extraFlags {
		if o.extra[i] != "" {
			if n.Extra == nil {
				n.Extra = map[string]json.RawMessage{}
			}
			n.Extra[f[1]], _ = json.Marshal(o.extra[i]) // a string: never fails
		}
	}
	return n, o.links(&n)
}

// words reads the flags that take one word each.
func (o *createOptions) words(n *ledger.NewBead) (err error) {
	if o.kind != "" {
		if n.Type, err = town.TypeWord(o.kind); err != nil {
			return err
		}
	}
	if o.status != "" {
		if n.Status, err = town.StatusWord(o.status); err != nil {
			return err
		}
	}
	if n.NoPriority = o.priority == ""; !n.NoPriority {
		if n.Priority, err = town.ParsePriority(o.priority); err != nil {
			return err
		}
	}
	if o.estimate != "" {
		minutes, err := flags.Minutes(o.estimate)
		if err != nil {
			return err
		}
		n.EstimatedMinutes = &minutes
	}
	return nil
}

// dates reads the flags that hold dates. A bead that is put aside until some time to
// come is deferred.
func (o *createOptions) dates(n *ledger.NewBead) (err error) {
	now := o.call.Now()
	if n.DueAt, err = o.due.Optional(now); err != nil {
		return err
	}
	if n.DeferUntil, err = o.start.Optional(now); err != nil || n.DeferUntil == nil {
		return err
	}
	switch {
	case !n.DeferUntil.After(now):
		warnPast(o.call, "--defer "+o.start.Text)
	case n.Status == "":
		n.Status = town.StatusDeferred
	}
	return nil
}

// links reads --deps and --waits-for.
func (o *createOptions) links(n *ledger.NewBead) error {
	words := flags.Split(o.deps)
	for _, word := range words {
		d := town.Dependency{Type: town.DepBlocks, Target: word}
		kind, id, typed := strings.Cut(word, ":")
		if !typed || ledger.External(word) {
			n.Dependencies = append(n.Dependencies, d)
			continue
		}
		if d.Target = strings.TrimSpace(id); d.Target == "" {
			return fmt.Errorf("%w: --deps %q names no bead; write TYPE:ID", town.ErrUsage, town.Clip(word, 80))
		}
		var err error
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "blocked-by", "depends-on":
		case string(town.DepBlocks):
			n.Blocks = append(n.Blocks, d.Target)
			continue
		default:
			if d.Type, err = town.ParseDepType(kind); err != nil {
				return err
			}
		}
		n.Dependencies = append(n.Dependencies, d)
	}
	if o.waitsFor != "" {
		d := town.Dependency{Type: town.DepWaitsFor, Target: o.waitsFor, Metadata: town.AllChildren}
		if o.gate == anyChildren {
			d.Metadata = town.AnyChild
		}
		n.Dependencies = append(n.Dependencies, d)
	}
	return nil
}
