// Package kv is the command group bd kv: values that scripts and agents store by
// names of their own.
package kv

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"gastown/cmd/bd/internal/session"
	"gastown/cmd/bd/internal/view"
	"gastown/cmd/internal/shell"
	"gastown/cmd/internal/term"
	"gastown/planes/ledger"
	"gastown/town"
	"gastown/town/layout"
)

// kvOptions are those of bd kv.
type kvOptions struct {
	call       *shell.Call
	key, value string
}

// pair is a value with its name.
type pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// found is what bd kv get prints.
type found struct {
	pair
	Found bool `json:"found"`
}

// cleared is what bd kv clear prints.
type cleared struct {
	Key     string `json:"key"`
	Deleted string `json:"deleted"` // "true" or "false", a text as in the public bd
}

// Commands adds the group to a program.
func Commands(p *shell.Program) {
	g := p.Command("kv", "Values that scripts and agents store by names of their own.").
		HelpLong(shell.Examples("bd kv set deploy.last 2026-01-31", "bd kv get deploy.last", "bd kv list"))
	add := func(name, help string, write bool, examples []string, define func(*kvOptions, *kingpin.CmdClause) shell.Action) {
		c := shell.Command{
			Name: name, Help: help, Examples: examples, Planes: []string{layout.Ledger},
			Permission: shell.MayReadLedger, Repeatable: true,
			Define: func(call *shell.Call, c *kingpin.CmdClause) shell.Action { return define(&kvOptions{call: call}, c) },
		}
		if write {
			c.Permission, c.Writes = shell.MayWriteLedger, true
		}
		if name == "set" {
			c.MayBeEmpty = []string{"value"}
		}
		p.Add(g, c)
	}
	add("set", "Store a value.", true, []string{"bd kv set deploy.last 2026-01-31"}, func(o *kvOptions, c *kingpin.CmdClause) shell.Action {
		o.keyArg(c)
		c.Arg("value", "The value.").Required().PlaceHolder("VALUE").StringVar(&o.value)
		return o.set
	})
	add("get", "Print a value; exit 1 if there is none.", false, []string{"bd kv get deploy.last"}, func(o *kvOptions, c *kingpin.CmdClause) shell.Action {
		o.keyArg(c)
		return o.get
	})
	add("clear", "Remove a value.", true, []string{"bd kv clear deploy.last"}, func(o *kvOptions, c *kingpin.CmdClause) shell.Action {
		o.keyArg(c)
		return o.clear
	})
	add("list", "List the values.", false, []string{"bd kv list", "bd kv list --prefix deploy. --json"}, func(o *kvOptions, c *kingpin.CmdClause) shell.Action {
		c.Flag("prefix", "Only names that begin so.").PlaceHolder("TEXT").StringVar(&o.key)
		return o.list
	})
}

func (o *kvOptions) keyArg(c *kingpin.CmdClause) {
	c.Arg("key", "The name.").Required().PlaceHolder("KEY").StringVar(&o.key)
}

// reserved begin the names that the public bd keeps for itself.
var reserved = []string{ledger.KeyValues, "memory.", "sync.", "conflict.", "federation.", "jira.", "linear.", "export.", "import."}

func (o *kvOptions) check() error {
	for _, r := range reserved {
		if strings.HasPrefix(o.key, r) {
			return town.Fail("change "+town.Clip(o.key, 80), "give it another name", "%w: names that begin with %s are reserved", town.ErrUsage, r)
		}
	}
	return nil
}

func (o *kvOptions) set(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		return l.SetSettings(ctx, ledger.Setting{Name: ledger.KeyValues + o.key, Value: o.value})
	})
	if err != nil {
		return session.Fail("set "+town.Clip(o.key, 80), err)
	}
	return view.Done(o.call, pair{o.key, o.value}, "set %s", o.key)
}

// all reads the pairs whose names begin with a prefix.
func (o *kvOptions) all(ctx context.Context, prefix string) (map[string]string, error) {
	pairs := map[string]string{}
	err := session.Use(ctx, o.call, func(l *session.Ledger) error {
		all, err := l.Settings(ctx, ledger.KeyValues+prefix)
		for _, s := range all {
			pairs[strings.TrimPrefix(s.Name, ledger.KeyValues)] = s.Value
		}
		return err
	})
	return pairs, err
}

func (o *kvOptions) get(ctx context.Context) error {
	op := "get " + town.Clip(o.key, 80)
	value, ok := "", false
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		value, ok, err = l.Setting(ctx, ledger.KeyValues+o.key)
		return err
	})
	if err != nil {
		return session.Fail(op, err)
	}
	if !ok && !o.call.JSON {
		return town.Fail(op, "bd kv list shows what there is", "it is not set")
	}
	err = o.call.Show(found{pair{o.key, value}, ok}, func(p *term.Printer) { p.Text(value) })
	if err == nil && !ok {
		err = shell.Shown(nil)
	}
	return err
}

func (o *kvOptions) clear(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	was := false
	err := session.Use(ctx, o.call, func(l *session.Ledger) (err error) {
		was, err = l.DeleteSetting(ctx, ledger.KeyValues+o.key)
		return err
	})
	if err != nil {
		return session.Fail("clear "+town.Clip(o.key, 80), err)
	}
	if !was {
		o.call.Hint("%s was not set", o.key)
	}
	return view.Done(o.call, cleared{o.key, fmt.Sprint(was)}, "cleared %s", o.key)
}

func (o *kvOptions) list(ctx context.Context) error {
	all, err := o.all(ctx, o.key)
	if err != nil {
		return session.Fail("list the values", err)
	}
	return o.call.Show(all, func(p *term.Printer) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			p.Line("%s = %s", name, all[name])
		}
	})
}
