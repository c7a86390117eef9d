package e2e

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gastown/e2e/gitserver"
	"gastown/e2e/internal/depot"
)

// agent starts an ssh agent, adds the key from a file, and removes the file.
func agent(t *testing.T, key string) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "agent")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	// The agent prints its socket's name when the socket is ready.
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	add := exec.Command("ssh-add", "-q", key)
	add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v: %s", err, out)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	return socket
}

// Keys in a person's agent and hosts in a person's configuration work for gt as for
// ssh. ssh finds its configuration by the login and not by HOME, so the test puts a
// program named ssh on the path that names the temporary home. git and gt run
// unchanged.
func TestTransportAgentAndConfiguration(t *testing.T) {
	repo := depot.Bare(t)
	server, err := gitserver.SSH(repo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	var theirs string
	for _, kv := range server.Env() {
		if command, ok := strings.CutPrefix(kv, "GIT_SSH_COMMAND=ssh -F "); ok {
			theirs = strings.Trim(command, "'\"")
		}
	}
	scratch := filepath.Dir(theirs)
	home, bin := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	address := strings.Split(strings.TrimPrefix(server.URL(), "ssh://git@"), "/")[0]
	ip, port, _ := strings.Cut(address, ":")
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(home, ".ssh", "config"): "Host harbour\n  HostName " + ip + "\n  Port " + port + "\n  User git\n  UserKnownHostsFile " +
			filepath.Join(scratch, "known_hosts") + "\n  StrictHostKeyChecking yes\n  IdentityFile none\n",
		filepath.Join(bin, "ssh"): "#!/bin/sh\nexec " + ssh + " -F \"$HOME/.ssh/config\" \"$@\"\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("SSH_AUTH_SOCK", agent(t, filepath.Join(scratch, "id_ed25519")))
	root := t.TempDir()
	a := depot.New(t, filepath.Join(root, "a"), "alpha", "harbour:/"+filepath.Base(repo))
	a.MustInit()
	a.Write("roles/mayor.md", depot.Role("mayor", "with an agent"))
	a.MustPush()
	b := depot.New(t, filepath.Join(root, "b"), "beta", "ssh://harbour/"+filepath.Base(repo))
	b.MustJoin()
	hostileEqual(t, "files on the other side", a.Files(), b.Files())
	if c := server.Counts(); c.Exchanges == 0 {
		t.Errorf("the server was not used: %+v", c)
	}
	// Without the agent the server refuses the connection, and no prompt appears.
	t.Setenv("SSH_AUTH_SOCK", "")
	if _, err := a.With(t).Pull(t.Context(), a.Remote, false); err == nil || !strings.Contains(err.Error(), "login refused") {
		t.Errorf("without an agent: %v", err)
	}
}
