package deacon

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gastown/e2e/internal/planted"
	"gastown/e2e/internal/scratch"
	"gastown/e2e/s3server"
	"gastown/town/secrets/vaulttest"
)

// leaky is a program of a plugin that says its secret wherever it can.
const leaky = `#!/bin/sh
cat > "$0.$$"
tr '\0' '\n' < /proc/$$/environ >> "$0.seen"
tr '\0' '\n' < /proc/$$/cmdline >> "$0.seen"
token=$(sed 's/.*"token":"\([^"]*\)".*/\1/' "$0.$$")
rm "$0.$$"
echo "the token $token does not work" >&2
printf '{"version": 1, "error": "401 for %s"}' "$token"
exit 1
`

// git is a git that notes what it was started with.
const git = `#!/bin/sh
tr '\0' '\n' < /proc/$$/environ >> SEEN
tr '\0' '\n' < /proc/$$/cmdline >> SEEN
exec REAL "$@"
`

// Secrets of Vault, of the environment and of the file are used, and stand nowhere: not in
// arguments, not in the environment of programs that the Deacon starts, not in logs,
// errors, files, rows, backups, and not in what is published.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	dir := scratch.Dir(t)
	p := at(t, dir, "alpha")
	v := vaulttest.New(t)
	s3, err := s3server.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s3.Close() })
	if err := s3.Bucket("harbour"); err != nil {
		t.Fatal(err)
	}
	hidden := planted.Secrets{
		"OF_VAULT": "vault-Planted/7fQx+one", "OF_ENV": "env-Planted/8gRy+two", "OF_FILE": "file-Planted/9hSz+three",
		"HOOK": "/T000/hook-Planted-Jk2", "SECRET_ID": vaulttest.SecretID,
		"BUCKET_ID": s3server.KeyID, "BUCKET": s3server.Secret,
	}
	var sent []string
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.URL.Path)
		http.Error(w, "no such hook: "+r.URL.Path, http.StatusNotFound)
	}))
	t.Cleanup(hook.Close)
	v.Put("secret/gastown", map[string]any{"OF_VAULT": hidden["OF_VAULT"], "HOOK_URL": hook.URL + hidden["HOOK"],
		"AWS_ACCESS_KEY_ID": hidden["BUCKET_ID"], "AWS_SECRET_ACCESS_KEY": hidden["BUCKET"]})
	v.Be(vaulttest.Sealed)

	tools, notes := filepath.Join(dir, "tools"), filepath.Join(dir, "notes")
	if err := os.MkdirAll(tools, 0o700); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(tools, "git"):   strings.NewReplacer("SEEN", notes, "REAL", program).Replace(git),
		filepath.Join(tools, "leaky"): leaky,
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p.Install("alpha")
	// Commands that a person runs without the secrets in the environment.
	bare := &place{&scratch.Town{T: t, Dir: p.Dir, Root: p.Root, In: p.In}}
	p.Env[0] = "PATH=" + scratch.Binaries + ":" + tools + strings.TrimPrefix(p.Env[0], "PATH="+scratch.Binaries)
	bare.Env = slices.Clone(p.Env)
	p.Env = append(p.Env, "GT_SECRETS_BACKEND=vault,env,file", "GT_VAULT_ADDR="+v.URL, "GT_VAULT_LOGIN=approle", "GT_VAULT_ROLE="+vaulttest.RoleID,
		"GT_VAULT_SECRET_ID="+vaulttest.SecretID, "OF_ENV="+hidden["OF_ENV"])
	var yaml strings.Builder
	yaml.WriteString("plugins:\n")
	for _, name := range []string{"OF_VAULT", "OF_ENV", "OF_FILE"} {
		fmt.Fprintf(&yaml, "  - name: %s\n    type: exec\n    enabled: true\n    config:\n      command: [%q]\n      serves: [health-check]\n      check_interval: 5s\n      settings: {token: \"${%s}\"}\n",
			strings.ToLower(strings.ReplaceAll(name, "_", "-")), filepath.Join(tools, "leaky"), name)
	}
	yaml.WriteString("  - name: hook\n    type: notification\n    enabled: true\n    config: {url: \"${HOOK_URL}\", group_wait: 1s}\n")
	for path, text := range map[string]string{p.Layout().Plugins(): yaml.String(), p.Layout().Secrets(): "OF_FILE=" + hidden["OF_FILE"] + "\n"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var said strings.Builder
	as := p
	say := func(want int, args ...string) string {
		t.Helper()
		out, err := as.Try("gt", args...)
		if scratch.Exit(err) != want {
			t.Errorf("gt %q: %v\n%s", args, err, out)
		}
		fmt.Fprintln(&said, out, err)
		return out
	}

	// The Town starts although Vault is sealed, and says what it lacks.
	d := p.start()
	if out := say(1, "secrets", "check"); !strings.Contains(out, "it is sealed") || !strings.Contains(out, "OF_VAULT for the plugin of-vault is missing") {
		t.Errorf("%s", out)
	}
	say(0, "deacon", "run", "secrets")
	v.Be(vaulttest.Active)
	p.Await("the secrets are there", func() bool { _, err := p.Try("gt", "secrets", "check"); return err == nil })
	if out := say(0, "secrets", "check", "--json"); !strings.Contains(out, `"missing": 0`) {
		t.Errorf("%s", out)
	}

	// Everything that may tell of one is done.
	for _, name := range []string{"of-vault", "of-env", "of-file"} {
		p.Await("the Deacon has called "+name, func() bool {
			seen, _ := os.ReadFile(filepath.Join(tools, "leaky.seen"))
			return strings.Contains(string(seen), "GT_PLUGIN="+name+"\n")
		})
		say(1, "plugin", "run", name)
		say(0, "plugin", "show", name)
	}
	say(1, "alert", "test", "hook")
	as = bare
	remote := filepath.Join(dir, "shared.git")
	p.Must("git", "init", "-q", "--bare", remote)
	say(0, "federation", "init", remote, "--yes")
	say(0, "federation", "sync")
	say(0, "deacon", "run", "federation-sync:origin") // by the Deacon, with its own environment
	for _, args := range [][]string{{"feed", "--limit", "400"}, {"alert", "list"}, {"plugin", "list"}, {"deacon", "status"}, {"deacon", "logs"}, {"metrics", "export"}, {"config", "list"}} {
		say(0, args...)
	}
	// Backups: one that anybody reads, one that is encrypted with a key in the Town itself,
	// and again one that anybody reads.
	open, sealed := filepath.Join(dir, "open"), filepath.Join(dir, "sealed")
	for _, place := range []string{open, sealed} {
		if err := os.Mkdir(place, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	key := filepath.Join(p.Root, "config", "town.key")
	say(0, "config", "backup.to", "open="+open)
	say(0, "backup", "run")
	say(0, "backup", "key", key)
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), "AGE-SECRET-KEY-")
	hidden["BACKUP_KEY"] = strings.TrimSpace(string(text[at:]))
	say(0, "config", "backup.key", key)
	say(0, "config", "backup.to", "sealed="+sealed)
	say(0, "backup", "run")
	say(0, "backup", "verify", "--deep")
	say(0, "config", "unset", "backup.key")
	say(0, "config", "backup.to", "open="+open)
	say(0, "backup", "run", "--always")
	say(0, "backup", "list")
	// A bucket, of which Vault has the credentials: by the Deacon, and by a command with a
	// login of its own. A bucket that does not exist is an error to tell of.
	for bucket, want := range map[string]int{"none": 1, "harbour": 0} {
		as = bare
		say(0, "config", "backup.to", "bucket=s3://"+bucket+"/town?endpoint="+s3.URL)
		say(want, "deacon", "run", "backup-files")
		as = p
		if out := say(0, "secrets", "check"); !strings.Contains(out, "AWS_SECRET_ACCESS_KEY for the backups at bucket: in ") {
			t.Errorf("%s", out)
		}
		say(want, "backup", "run", "--always")
		say(want, "backup", "verify", "--deep")
		say(want, "backup", "list")
		say(0, "backup", "status")
	}
	if len(sent) == 0 || !strings.Contains(sent[0], hidden["HOOK"]) {
		t.Errorf("the hook was not called: %q", sent)
	}

	rows := hidden.Rows(t, p.Layout().SQLSocket())
	for _, name := range v.Issued() {
		if strings.HasPrefix(name, "hvs.") {
			hidden["token "+name[:12]] = name
		}
	}
	hidden.Text(t, "what commands printed", said.String())
	hidden.Text(t, "the Deacon's log", p.logged())
	for _, path := range []string{notes, filepath.Join(tools, "leaky.seen")} {
		data, err := os.ReadFile(path)
		if err != nil || len(data) == 0 {
			t.Fatalf("%s: %v", path, err)
		}
		if path == notes && !strings.Contains(string(data), "\nGT_VAULT_ADDR=") {
			t.Error("the git of the Deacon was not seen")
		}
		hidden.Text(t, "what programs were started with, "+filepath.Base(path), string(data))
	}
	_ = d.Stop(t.Context())
	files := hidden.Files(t, []string{p.Layout().Secrets(), notes, filepath.Join(tools, "leaky.seen"), key}, p.Root, remote, tools)
	if n := hidden.Files(t, nil, open, sealed, filepath.Join(s3.Root, "harbour")); n < 80 {
		t.Errorf("%d files of backups", n)
	}
	t.Logf("%d secrets, %d rows, %d files, %d bytes of output", len(hidden), rows, files, said.Len())
	if rows < 10 || files < 30 {
		t.Error("too little was looked at")
	}
}
