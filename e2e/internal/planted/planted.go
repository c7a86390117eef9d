// Package planted looks for secrets that a test planted: in texts, in files below
// directories, and in the rows of all databases that a Town's Deacon serves.
package planted

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"gastown/town/secrets"
)

// Secrets are the planted values, by name.
type Secrets secrets.Values

// In are the names of the secrets that a text holds, also encoded as in a URL, in JSON or
// with base64.
func (s Secrets) In(text string) (names []string) {
	for name, value := range s {
		if (secrets.Values{name: value}).Redact(text) != text {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Text reports secrets in a text.
func (s Secrets) Text(t testing.TB, what, text string) {
	t.Helper()
	for _, name := range s.In(text) {
		t.Errorf("%s holds the secret %s", what, name)
	}
}

// Files reports secrets in files below directories, such as a Town or its backups, and
// returns how many files it read. Files with one of the paths in but are left out: those
// that people keep their secrets in. What is compressed or encrypted is not looked into.
func (s Secrets) Files(t testing.TB, but []string, dirs ...string) (read int) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || slices.Contains(but, path) {
				return nil // a file that went meanwhile
			}
			data, err := os.ReadFile(path)
			if err == nil {
				read++
				s.Text(t, path, path+"\n"+string(data))
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	return read
}

// Rows reports secrets in the rows of all tables of all databases behind a socket, and in
// the messages of their commits. It returns how many rows it read.
func (s Secrets) Rows(t testing.TB, socket string) (read int) {
	t.Helper()
	db, err := sql.Open("mysql", "gt@unix("+socket+")/")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	query := func(text string) (rows [][]string) {
		found, err := db.Query(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer found.Close()
		columns, _ := found.Columns()
		for found.Next() {
			cells := make([]sql.RawBytes, len(columns))
			into := make([]any, len(columns))
			for i := range cells {
				into[i] = &cells[i]
			}
			if err := found.Scan(into...); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			row := make([]string, len(columns))
			for i, c := range cells {
				row[i] = string(c)
			}
			rows = append(rows, row)
		}
		return rows
	}
	for _, database := range query("SHOW DATABASES") {
		if slices.Contains([]string{"information_schema", "mysql"}, database[0]) {
			continue
		}
		tables := append(query(fmt.Sprintf("SHOW TABLES FROM `%s`", database[0])), []string{"dolt_log"})
		for _, table := range tables {
			for _, row := range query(fmt.Sprintf("SELECT * FROM `%s`.`%s`", database[0], table[0])) {
				read++
				s.Text(t, "a row of "+database[0]+"."+table[0], strings.Join(row, "\n"))
			}
		}
	}
	return read
}
