package gitserver

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	gossh "golang.org/x/crypto/ssh"
)

// identities generates the keys of the host and of the client. It writes the files
// that make the system's ssh use them and ignore the user's configuration.
func (s *Server) identities() (client gossh.PublicKey, host gossh.Signer, err error) {
	_, hostKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a host key: %w", err)
	}
	if host, err = gossh.NewSignerFromKey(hostKey); err != nil {
		return nil, nil, fmt.Errorf("make a host key: %w", err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a client key: %w", err)
	}
	if client, err = gossh.NewPublicKey(public); err != nil {
		return nil, nil, fmt.Errorf("make a client key: %w", err)
	}
	block, err := gossh.MarshalPrivateKey(private, "gitserver client")
	if err != nil {
		return nil, nil, fmt.Errorf("make a client key: %w", err)
	}

	file := func(name string) string { return filepath.Join(s.scratch, name) }
	address := s.line.Addr().String()
	colon := strings.LastIndexByte(address, ':')
	known := fmt.Sprintf("[%s]:%s %s", address[:colon], address[colon+1:], gossh.MarshalAuthorizedKey(host.PublicKey()))
	config := fmt.Sprintf(`Host *
  IdentityFile "%s"
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile "%s"
  GlobalKnownHostsFile %s
  StrictHostKeyChecking yes
  UpdateHostKeys no
  BatchMode yes
  PreferredAuthentications publickey
  LogLevel ERROR
`, file("id_ed25519"), file("known_hosts"), os.DevNull)
	for name, content := range map[string]string{
		"id_ed25519":  string(pem.EncodeToMemory(block)),
		"known_hosts": known,
		"ssh_config":  config,
	} {
		if err := os.WriteFile(file(name), []byte(content), 0o600); err != nil {
			return nil, nil, fmt.Errorf("write ssh settings: %w", err)
		}
	}
	s.env = append(s.env, "GIT_SSH_COMMAND=ssh -F "+quote(file("ssh_config")), "GIT_SSH_VARIANT=ssh")
	return client, host, nil
}

// trimKey returns the value of an environment entry with this key.
func trimKey(entry, key string) (string, bool) {
	return strings.CutPrefix(entry, key+"=")
}
