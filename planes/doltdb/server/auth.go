package server

import (
	"crypto/subtle"
	"net"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"

	"gastown/planes/doltdb/internal/wire"
)

// authority decides who may connect: on the socket everybody who can open it,
// which only the Town's own user can; over the network the one user with the
// password. The engine's own tables of users are not used, so there is no root
// user to forget about.
type authority struct{ user, password string }

// AuthMethods is part of mysql.AuthServer.
func (a *authority) AuthMethods() []mysql.AuthMethod {
	return []mysql.AuthMethod{mysql.NewMysqlNativeAuthMethod(a, a)}
}

// DefaultAuthMethodDescription is part of mysql.AuthServer.
func (a *authority) DefaultAuthMethodDescription() mysql.AuthMethodDescription {
	return mysql.MysqlNativePassword
}

// HandleUser is part of mysql.UserValidator. It accepts every name, because the
// name is checked together with the password.
func (a *authority) HandleUser(string, net.Addr) bool { return true }

// UserEntryWithHash is part of mysql.HashStorage.
func (a *authority) UserEntryWithHash(c *mysql.Conn, salt []byte, user string, response []byte, from net.Addr) (mysql.Getter, error) {
	if _, ok := from.(*net.UnixAddr); ok {
		return sql.MysqlConnectionUser{User: wire.SocketUser, Host: "localhost"}, nil
	}
	want := mysql.ScrambleMysqlNativePassword(salt, []byte(a.password))
	if a.password == "" || user != a.user || subtle.ConstantTimeCompare(want, response) != 1 {
		if from := guestOf(c); from != nil {
			from.refuse(RefusedUnsigned)
		}
		return nil, mysql.NewSQLError(mysql.ERAccessDeniedError, mysql.SSAccessDeniedError, "access denied")
	}
	return sql.MysqlConnectionUser{User: wire.SocketUser, Host: "localhost"}, nil
}
