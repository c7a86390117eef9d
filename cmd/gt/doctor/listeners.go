package doctor

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gastown/cmd/internal/host"
	"gastown/deacon"
	"gastown/deacon/control"
	"gastown/town/process"
)

// listeners says what the Deacon listens on, who reaches it, and what it asks for. What it
// listens on without being configured to is a problem.
func (d *doctor) listeners(ctx context.Context) (found []finding, err error) {
	client, status, err := host.Reach(ctx, d.layout, "look at what the Deacon listens on")
	if errors.Is(err, control.ErrNoDeacon) {
		return nil, nil
	}
	if err != nil {
		return nil, nil // examined under deacon
	}
	client.Close()
	for _, s := range []struct{ path, what string }{
		{d.layout.CommandSocket(), "commands of gt and bd"}, {d.layout.ControlSocket(), "requests about the Deacon"}, {d.layout.SQLSocket(), "SQL on the planes"},
	} {
		info, err := os.Lstat(s.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, ofSocket(s.path, s.what, info.Mode()))
	}
	var known []netip.AddrPort
	if status.HTTP != "" {
		found = append(found, ofHTTP(status.HTTP, d.setting("deacon.dashboard_token") != ""))
		known = append(known, parsed(status.HTTP))
	}
	if listen := d.setting("dolt.listen"); listen != "" && d.setting("dolt.host") == "" {
		found = append(found, finding{Severity: note, What: "the Deacon serves SQL on " + listen + ": programs of this machine reach it; it asks for the password of " + d.setting("dolt.user")})
		known = append(known, resolved(ctx, listen)...)
	}
	presence, err := deacon.Look(d.layout)
	if err != nil {
		return found, err
	}
	open, err := listening(presence.PID)
	if err != nil {
		return append(found, finding{Severity: note, What: "what else the Deacon's process listens on cannot be seen on this system"}), nil
	}
	for _, at := range open {
		if !slices.Contains(known, at) {
			found = append(found, finding{Severity: problem, What: fmt.Sprintf("the Deacon (pid %d) listens on %s, which no setting says", presence.PID, at),
				Why: "who reaches it is not known; a changed setting takes effect with a restart", Next: "gt deacon restart"})
		}
	}
	return found, nil
}

func (d *doctor) setting(key string) string {
	v, _, _ := d.host.Config.Get(key) // checked when the configuration was read
	return v
}

// ofSocket says who may connect to a socket of the Town.
func ofSocket(path, what string, mode fs.FileMode) finding {
	f := finding{Severity: note, What: "the Deacon takes " + what + " at " + path + ": "}
	switch perm := mode.Perm(); {
	case perm&0o007 != 0:
		f.Severity = warning
		f.What += fmt.Sprintf("every user of this machine may connect (mode %04o); the kernel says who each is", perm)
		f.Why, f.Next = "the Deacon serves nobody else, but the file should say so too", "gt deacon restart, which makes it anew"
	case perm&0o070 != 0:
		f.What += fmt.Sprintf("its owner and its group (mode %04o); the kernel says who each is", perm)
	default:
		f.What += "its owner only; the kernel says who each is"
	}
	return f
}

// ofHTTP says who reaches the HTTP address.
func ofHTTP(address string, token bool) finding {
	f := finding{Severity: note, What: "the Deacon answers HTTP on " + address + ": "}
	at := parsed(address).Addr()
	switch {
	case at.IsLoopback():
		f.What += "programs of this machine reach it"
	case at.IsUnspecified():
		f.What += "every machine that reaches one of this machine's addresses reaches it"
	default:
		f.What += "every machine that reaches this address reaches it"
	}
	switch {
	case token:
		f.What += "; the dashboard asks for a token"
	case at.IsLoopback():
		f.What += "; nothing asks for a token"
	default:
		f.What += "; the dashboard answers this machine only"
	}
	if !at.IsLoopback() {
		f.Severity = warning
		f.What += "; /health, /metrics and /api/v1 answer without a token"
		f.Why, f.Next = "nothing there is encrypted, and everybody on the way can read it", "put nginx in front of it (docs/network.md), then: gt config deacon.http_address localhost:8080"
	}
	return f
}

// parsed is an address of digits with its port; the zero value when it is none.
func parsed(address string) netip.AddrPort {
	at, _ := netip.ParseAddrPort(address)
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
}

// resolved are the addresses of HOST:PORT.
func resolved(ctx context.Context, address string) (all []netip.AddrPort) {
	name, port, err := net.SplitHostPort(address)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil {
		return nil
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil
	}
	for _, a := range addrs {
		all = append(all, netip.AddrPortFrom(a.Unmap().WithZone(""), uint16(n)))
	}
	return all
}

// listening are the TCP addresses on which a process of this machine listens, from /proc.
func listening(pid int) (all []netip.AddrPort, err error) {
	open, err := process.Open(pid)
	if err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, file := range open {
		if inode, ok := strings.CutPrefix(file, "socket:["); ok {
			own[strings.TrimSuffix(inode, "]")] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6"} {
		f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "net", table))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
			fields := strings.Fields(lines.Text())
			if len(fields) < 10 || fields[3] != stateListen || !own[fields[9]] {
				continue
			}
			if at, ok := ofKernel(fields[1]); ok {
				all = append(all, at)
			}
		}
		err = errors.Join(lines.Err(), f.Close())
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// stateListen is the state of a listening socket in /proc/net/tcp.
const stateListen = "0A"

// ofKernel reads an address of /proc/net/tcp: words of four bytes in the machine's order,
// here that of little-endian machines, then the port.
func ofKernel(text string) (netip.AddrPort, bool) {
	address, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(address)
	n, perr := strconv.ParseUint(port, 16, 16)
	if err != nil || perr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	at, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(at.Unmap(), uint16(n)), ok
}
