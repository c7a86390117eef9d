package doltdb

import (
	"context"
	"fmt"
	"strings"
)

// ReadAll reads every row of every table and discards it. It fails when a row
// or one of its values cannot be read.
func (db *Local) ReadAll(ctx context.Context) error {
	return db.View(ctx, func(tx *Tx) error {
		var tables []string
		err := tx.Each(ctx, func(rows *Rows) error {
			var name string
			err := rows.Scan(&name)
			tables = append(tables, name)
			return err
		}, "SHOW TABLES")
		if err != nil {
			return err
		}
		for _, name := range tables {
			query := "SELECT * FROM `" + strings.ReplaceAll(name, "`", "``") + "`"
			if err := tx.Each(ctx, func(*Rows) error { return nil }, query); err != nil {
				return fmt.Errorf("read the table %s: %w", name, err)
			}
		}
		return nil
	})
}
