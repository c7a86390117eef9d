package deacon

import (
	"context"
	"io"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"gastown/cmd/internal/host"
	"gastown/town"
	"gastown/town/config"
)

// unitText is a service with no more rights than it needs. When the system's
// manager runs it, it can write only to the Town and to the repositories on this
// machine that the Town exchanges with. A user's manager cannot restrict services
// like this: it would need a user namespace, in which ssh refuses the system's
// configuration files.
var unitText = template.Must(template.New("unit").Parse(`# The Deacon of the Town {{.Name}}.
[Unit]
Description=Gas Town Deacon of {{.Name}}
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
NotifyAccess=main
ExecStart={{.Self}} --town {{.Root}} deacon start --foreground
ExecReload=/bin/kill -HUP $MAINPID
{{- if .User}}
User={{.User}}
{{- end}}
WorkingDirectory={{.Dir}}
Restart=on-failure
RestartSec=5
# A restart does not help against wrong usage (2) and a refusal (5). It does
# against busy planes or a busy lock (4): their holder releases them.
RestartPreventExitStatus=2 5
TimeoutStartSec=120
TimeoutStopSec=10
KillMode=mixed
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
{{- if .User}}
ProtectSystem=strict
{{- range .Writable}}
ReadWritePaths={{.}}
{{- end}}
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
CapabilityBoundingSet=
{{- end}}

[Install]
WantedBy={{if .User}}multi-user.target{{else}}default.target{{end}}
`))

// unitValues are the values in which two services differ.
type unitValues struct {
	// Name is for people. Self, Root and Dir are escaped for systemd.
	Name, Self, Root, Dir string
	// User is set for services of the system's manager.
	User     string
	Writable []string
}

// anyTown has the values of a template unit, whose instance names the Town. systemd
// splits a line into words before it replaces %f, so the path may contain spaces.
func anyTown() unitValues { return unitValues{Name: "%f", Root: "%f", Dir: "%f"} }

func (o *deaconOptions) unit(context.Context) error {
	if o.template && o.system {
		return town.Fail("print a template", "leave out --system; a service of the system's manager names one Town and its user",
			"%w: --template is for the user's own service manager", town.ErrUsage)
	}
	self, err := o.call.Executable()
	if err != nil {
		return err
	}
	values := anyTown()
	if !o.template {
		if values, err = o.thisTown(); err != nil {
			return err
		}
	}
	values.Self = unitQuote(self)
	var text strings.Builder
	if err := unitText.Execute(&text, values); err != nil {
		return err
	}
	if o.call.JSON {
		return o.call.Show(struct {
			Unit string `json:"unit"`
		}{text.String()}, nil)
	}
	_, err = io.WriteString(o.call.Stdout, text.String())
	return err
}

// thisTown has the values of a service for the Town of the call.
func (o *deaconOptions) thisTown() (unitValues, error) {
	h, err := host.Open(o.call)
	if err != nil {
		return unitValues{}, err
	}
	values := unitValues{
		Name: unitPath(h.Config.Town.Name), Root: unitQuote(h.Layout.Root), Dir: unitPath(h.Layout.Root),
		Writable: []string{unitQuote(h.Layout.Root)},
	}
	for _, r := range h.Config.Remotes {
		if dir, ok := localRemote(r); ok {
			values.Writable = append(values.Writable, "-"+unitQuote(dir))
		}
	}
	if !o.system {
		return values, nil
	}
	u, err := user.LookupId(strconv.Itoa(o.call.User))
	if err != nil {
		return unitValues{}, err
	}
	values.User = u.Username
	return values, nil
}

// localRemote is the directory of a remote on this machine.
func localRemote(r config.Remote) (string, bool) {
	dir := strings.TrimPrefix(r.URL, "file://")
	return dir, filepath.IsAbs(dir)
}

// unitPath escapes a path for a setting in which systemd takes the rest of the line
// literally, except for specifiers.
func unitPath(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// unitQuote quotes a word for systemd.
func unitQuote(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$").Replace(s)
	if strings.ContainsAny(s, " \t'\"\\;") {
		return `"` + s + `"`
	}
	return s
}
