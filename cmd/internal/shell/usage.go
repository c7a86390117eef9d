package shell

import (
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kingpin/v2"
)

// UsageTemplate is the template of --help. Examples are in HelpLong.
const UsageTemplate = `{{define "arguments"}}{{if .FlagSummary}} {{.FlagSummary}}{{end}}` +
	`{{range .Args}}{{if not .Hidden}} {{if not .Required}}[{{end}}{{if .PlaceHolder}}{{.PlaceHolder}}{{else}}{{.Name}}{{end}}` +
	`{{if .Value|IsCumulative}}...{{end}}{{if not .Required}}]{{end}}{{end}}{{end}}{{end -}}

{{define "commands"}}{{range .FlattenedCommands}}{{if not .Hidden}}  {{.FullCommand}}{{template "arguments" .}}
{{.Help|Wrap 6}}{{end}}{{end}}{{end -}}

{{define "body"}}{{template "arguments" .}}{{if .Commands}} COMMAND ...{{end}}

{{.Help|Wrap 0}}{{end -}}

{{if .Context.SelectedCommand}}Usage: {{.App.Name}} {{.Context.SelectedCommand}}{{template "body" .Context.SelectedCommand}}
{{- if .Context.SelectedCommand.HelpLong}}
Examples:
{{.Context.SelectedCommand.HelpLong}}
{{end}}{{else}}Usage: {{.App.Name}}{{template "body" .App}}{{end}}
{{if .Context.Args}}Arguments:
{{.Context.Args|ArgsToTwoColumns|FormatTwoColumns}}
{{end -}}
{{if .Context.Flags|Own}}Flags:
{{.Context.Flags|Own|FlagRows|FormatTwoColumns}}
{{end -}}
Everywhere:
{{.Context.Flags|Global|FlagRows|FormatTwoColumns}}
{{if .Context.SelectedCommand}}{{if .Context.SelectedCommand.Commands}}Commands:
{{template "commands" .Context.SelectedCommand}}{{end -}}
{{else if .App.Commands}}Commands:
{{template "commands" .App}}{{end -}}
`

// footer is the template of the last line of the main help.
func footer(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf("{{if not .Context.SelectedCommand}}\n{{%q|Wrap 0}}{{end}}", text)
}

// UsageFuncs separate the flags that every command has from the command's own. Call
// it after the application's flags are described and before any other flag.
func UsageFuncs(p *kingpin.Application) template.FuncMap {
	var global []string
	for _, f := range p.Model().Flags {
		global = append(global, f.Name)
	}
	pick := func(wanted bool) func([]*kingpin.FlagModel) []*kingpin.FlagModel {
		return func(all []*kingpin.FlagModel) []*kingpin.FlagModel {
			return slices.DeleteFunc(slices.Clone(all), func(f *kingpin.FlagModel) bool {
				return f.Hidden || slices.Contains(global, f.Name) != wanted
			})
		}
	}
	return template.FuncMap{"Global": pick(true), "Own": pick(false), "FlagRows": flagRows}
}

func flagRows(flags []*kingpin.FlagModel) [][2]string {
	var rows [][2]string
	for _, f := range flags {
		name := "    --" + f.Name
		if f.Short != 0 {
			name = "-" + string(f.Short) + ", --" + f.Name
		}
		if !f.IsBoolFlag() {
			name += " " + f.FormatPlaceHolder()
		}
		help := f.HelpWithEnvar()
		if f.Name == "help" {
			help = "Show help for a command."
		}
		rows = append(rows, [2]string{name, help})
	}
	return rows
}

// Examples formats lines for the usage template.
func Examples(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }
