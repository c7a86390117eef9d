package host

import (
	"net"
	"path/filepath"
	"strconv"
	"time"

	"gastown/planes/doltdb"
	"gastown/town/config"
	"gastown/town/layout"
)

// Planes are the names of a Town's planes.
var Planes = []string{layout.Operational, layout.Ledger, layout.Federation}

// Database says where a plane is: behind the Deacon's socket when it answers,
// otherwise in this process; or only on an external Dolt SQL server if one is
// configured. The caller adds Actor, Wait and Command.
func Database(t layout.Town, cfg *config.Config, plane string) doltdb.Options {
	opts := doltdb.Options{
		Dir: t.Data(plane), Home: t.Engine(), Socket: t.SQLSocket(), External: external(cfg),
		Pool: doltdb.Pool{
			MaxOpen: number(cfg, "dolt.max_open_conns"), MaxIdle: number(cfg, "dolt.max_idle_conns"),
			MaxLifetime: duration(cfg, "dolt.conn_max_lifetime"), MaxIdleTime: duration(cfg, "dolt.conn_max_idle_time"),
		},
	}
	if opts.Pool.MaxIdle == 0 {
		opts.Pool.MaxIdle = -1 // no idle connections, instead of the library's default
	}
	if plane == layout.Ledger {
		opts.Marker = t.Marker()
	}
	return opts
}

// Serve says what the Deacon serves, and where. ok is false when the planes are on
// an external server, and there is nothing to serve.
func Serve(t layout.Town, cfg *config.Config) (opts doltdb.ServeOptions, ok bool) {
	return doltdb.ServeOptions{
		Dir: filepath.Dir(t.Data(layout.Federation)), Planes: Planes, Socket: t.SQLSocket(), Home: t.Engine(),
		Listen: text(cfg, "dolt.listen"), User: text(cfg, "dolt.user"), PasswordEnv: text(cfg, "dolt.password_env"),
	}, external(cfg) == nil
}

// cached reports whether a Deacon may answer reads of the ledger from memory: it
// serves the planes, and the configuration allows it.
func cached(cfg *config.Config) bool {
	enabled, err := cfg.Bool("cache.enabled")
	return err == nil && enabled && external(cfg) == nil
}

func external(cfg *config.Config) *doltdb.External {
	host := text(cfg, "dolt.host")
	if host == "" {
		return nil
	}
	address := host
	if !filepath.IsAbs(host) { // a host name, not the path of a socket
		address = net.JoinHostPort(host, strconv.Itoa(number(cfg, "dolt.port")))
	}
	return &doltdb.External{Address: address, User: text(cfg, "dolt.user"), PasswordEnv: text(cfg, "dolt.password_env")}
}

// The settings below exist, and their values were checked when the configuration
// was read, so there is no error to return.

func number(cfg *config.Config, key string) int {
	n, _ := cfg.Int(key)
	return n
}

func duration(cfg *config.Config, key string) time.Duration {
	d, _ := cfg.Duration(key)
	return d
}

func text(cfg *config.Config, key string) string {
	value, _, _ := cfg.Get(key)
	return value
}
