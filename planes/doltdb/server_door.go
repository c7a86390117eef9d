package doltdb

import (
	"crypto/subtle"
	"net"

	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
)

// door decides who may come in: by the socket whoever can open it, as only the
// Town's own user can; over the network the one user with the password. The
// engine's own tables of users are not used, so there is no root to forget.
type door struct{ user, password string }

func newDoor(user, password string) *door { return &door{user: user, password: password} }

// AuthMethods is part of mysql.AuthServer.
func (d *door) AuthMethods() []mysql.AuthMethod {
	return []mysql.AuthMethod{mysql.NewMysqlNativeAuthMethod(d, d)}
}

// DefaultAuthMethodDescription is part of mysql.AuthServer.
func (d *door) DefaultAuthMethodDescription() mysql.AuthMethodDescription {
	return mysql.MysqlNativePassword
}

// HandleUser is part of mysql.UserValidator: who it is shows with the password.
func (d *door) HandleUser(string, net.Addr) bool { return true }

// UserEntryWithHash is part of mysql.HashStorage.
func (d *door) UserEntryWithHash(c *mysql.Conn, salt []byte, user string, response []byte, from net.Addr) (mysql.Getter, error) {
	if _, ok := from.(*net.UnixAddr); ok {
		return sql.MysqlConnectionUser{User: socketUser, Host: "localhost"}, nil
	}
	want := mysql.ScrambleMysqlNativePassword(salt, []byte(d.password))
	if d.password == "" || user != d.user || subtle.ConstantTimeCompare(want, response) != 1 {
		if from, ok := c.Conn.(*guest); ok {
			from.refuse(refusedUnsigned)
		}
		return nil, mysql.NewSQLError(mysql.ERAccessDeniedError, mysql.SSAccessDeniedError, "access denied")
	}
	return sql.MysqlConnectionUser{User: socketUser, Host: "localhost"}, nil
}
