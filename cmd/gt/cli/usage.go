package cli

import "strings"

// usageTemplate is the text of --help. Examples stand in HelpLong.
const usageTemplate = `{{define "arguments"}}{{if .FlagSummary}} {{.FlagSummary}}{{end}}` +
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
{{if .Context.Flags}}Flags:
{{.Context.Flags|FlagsToTwoColumns|FormatTwoColumns}}
{{end -}}
{{if .Context.SelectedCommand}}{{if .Context.SelectedCommand.Commands}}Commands:
{{template "commands" .Context.SelectedCommand}}{{end -}}
{{else if .App.Commands}}Commands:
{{template "commands" .App}}{{end -}}
`

// examples words lines for the usage template.
func examples(lines ...string) string { return "  " + strings.Join(lines, "\n  ") }

// rewrite takes gt config.KEY VALUE, which people know from a document, for
// gt config KEY VALUE.
func rewrite(args []string) []string {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--town" || arg == "--wait" {
			i++ // its value
			continue
		}
		if key, ok := strings.CutPrefix(arg, "config."); ok && key != "" {
			return append(append(append([]string{}, args[:i]...), "config", key), args[i+1:]...)
		}
		if !strings.HasPrefix(arg, "-") {
			break
		}
	}
	return args
}
