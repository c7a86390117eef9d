package gitserver

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// SSH serves the bare repository at repo to the one key it generates; Env
// holds the command that presents it. Only git-upload-pack and
// git-receive-pack of that repository are executed. The caller closes the
// server.
func SSH(repo string) (*Server, error) {
	s, err := newServer(repo)
	if err != nil {
		return nil, err
	}
	client, host, err := s.identities()
	if err != nil {
		s.transport = func() {}
		_ = s.Close() // the first error is the one to report
		return nil, err
	}
	s.url = fmt.Sprintf("ssh://git@%s/%s", s.line.Addr(), s.name())
	server := &ssh.Server{
		Handler:         s.session,
		HostSigners:     []ssh.Signer{host},
		ChannelHandlers: map[string]ssh.ChannelHandler{"session": ssh.DefaultSessionHandler},
		PtyCallback:     func(ssh.Context, ssh.Pty) bool { return false },
		PublicKeyHandler: func(_ ssh.Context, key ssh.PublicKey) bool {
			if !ssh.KeysEqual(key, client) || s.take(RefuseAuth) {
				s.refused.Add(1)
				return false
			}
			return true
		},
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := s.line.Accept()
			if err != nil { // the line was shut down
				return
			}
			if s.take(Busy) {
				s.refused.Add(1)
				_ = c.Close()
				continue
			}
			serving.Go(func() { server.HandleConn(c) })
		}
	})
	s.transport = serving.Wait
	return s, nil
}

// session runs one git command for a client.
func (s *Server) session(sess ssh.Session) {
	if !s.begin() {
		return
	}
	defer s.work.Done()
	s.requests.Add(1)
	service, ok := s.service(sess.Command())
	if !ok {
		s.refused.Add(1)
		s.leave(sess, "only git-upload-pack and git-receive-pack of one repository are served")
		return
	}
	if service == "receive-pack" && s.take(ReadOnly) {
		s.refused.Add(1)
		s.leave(sess, "you are not allowed to push to this repository")
		return
	}
	s.exchanges.Add(1)
	if service == "receive-pack" {
		s.pushes.Add(1)
	}

	cmd := exec.CommandContext(s.life, s.git, service, s.repo)
	cmd.Dir = s.scratch
	cmd.Env = s.gitEnv()
	for _, kv := range sess.Environ() {
		if value, ok := trimKey(kv, "GIT_PROTOCOL"); ok {
			if protocol := gitProtocol(value); protocol != "" {
				cmd.Env = append(cmd.Env, protocol)
			}
		}
	}
	// Cancelling sends SIGTERM to the whole group, so that git removes its lock
	// files.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	t := &talk{s: s, sess: sess, push: service == "receive-pack"}
	code := t.run(cmd)
	if t.drop.Load() {
		_ = sess.Context().Value(ssh.ContextKeyConn).(*gossh.ServerConn).Close()
		return
	}
	_ = sess.Exit(code) // an error means that the client has gone
}

// service recognises the two commands git sends, for the one repository.
func (s *Server) service(command []string) (string, bool) {
	if len(command) != 2 || command[1] != "/"+filepath.Base(s.repo) {
		return "", false
	}
	switch command[0] {
	case "git-upload-pack":
		return "upload-pack", true
	case "git-receive-pack":
		return "receive-pack", true
	}
	return "", false
}

// leave ends a session with a message and exit code 1.
func (s *Server) leave(sess ssh.Session, message string) {
	_, _ = io.WriteString(sess.Stderr(), "ERROR: "+message+"\n")
	_ = sess.Exit(1)
}

// talk carries bytes between a client and git, and recognises a push.
type talk struct {
	s    *Server
	sess ssh.Session
	push bool
	mute atomic.Bool // git's output is dropped
	drop atomic.Bool // the connection is closed at the end
}

// run returns git's exit status once git, and every process that holds its output,
// has ended. When the client disappears, git's input ends and git stops by itself.
// It is never killed, because it may hold a lock.
func (t *talk) run(cmd *exec.Cmd) int {
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 1
	}
	cmd.Stdout = t.toClient(t.sess)
	cmd.Stderr = t.toClient(t.sess.Stderr())
	if err := cmd.Start(); err != nil {
		_ = stdin.Close()
		return 1
	}
	// The goroutine ends when the client closes the channel or its connection.
	// begin makes Close wait for it.
	if t.s.begin() {
		go func() {
			defer t.s.work.Done()
			defer stdin.Close()
			if t.push {
				t.receive(stdin)
				return
			}
			_, _ = io.Copy(stdin, t.sess) // an incomplete input is git's to report
		}()
	} else {
		_ = stdin.Close()
	}
	_ = cmd.Wait() // the client sees only the exit status
	return cmd.ProcessState.ExitCode() & 0xff
}

// receive passes a push to git, or applies the fault that is set. Four zeros in the
// place of the first command mean that the client has nothing to push.
func (t *talk) receive(git io.Writer) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(t.sess, head); err != nil {
		return
	}
	if string(head) != "0000" {
		if t.s.take(DropBefore) {
			t.mute.Store(true)
			t.drop.Store(true)
			return
		}
		t.s.pushBegins()
		if t.s.take(DropAnswer) {
			t.mute.Store(true)
			t.drop.Store(true)
		}
	}
	if _, err := git.Write(head); err != nil {
		return
	}
	_, _ = io.Copy(git, t.sess) // an incomplete input is git's to report
}

// toClient is a writer that drops everything once the talk is muted.
func (t *talk) toClient(w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if t.mute.Load() {
			return len(p), nil
		}
		return w.Write(p)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
