package federation

import "gastown/planes/doltdb"

// migrations is the schema of the federation plane, oldest first. A released
// step never changes: every Town compares checksums before it merges.
//
// Keys are names or digests, never counters, so two Towns cannot give one key
// to two things. The digest column covers the whole edit (town.Edit.Digest), so
// concurrent edits of one row always meet as a conflict. archive, proposals and
// resolutions are addressed by their content: rows are added, never changed.
var migrations = []doltdb.Migration{{
	Name: "documents, archive, proposals, registry",
	Statements: []string{
		`CREATE TABLE roles (
			name VARCHAR(64) PRIMARY KEY, text LONGTEXT NOT NULL, digest CHAR(64) NOT NULL,
			revision BIGINT UNSIGNED NOT NULL, town VARCHAR(64) NOT NULL, author VARCHAR(255) NOT NULL)`,
		`CREATE TABLE formulas (
			name VARCHAR(64) PRIMARY KEY, version VARCHAR(128) NOT NULL, text LONGTEXT NOT NULL, digest CHAR(64) NOT NULL,
			revision BIGINT UNSIGNED NOT NULL, town VARCHAR(64) NOT NULL, author VARCHAR(255) NOT NULL)`,
		`CREATE TABLE templates (
			name VARCHAR(64), version INT UNSIGNED, text LONGTEXT NOT NULL, deleted TINYINT(1) NOT NULL,
			digest CHAR(64) NOT NULL, revision BIGINT UNSIGNED NOT NULL, town VARCHAR(64) NOT NULL,
			author VARCHAR(255) NOT NULL, PRIMARY KEY (name, version))`,
		`CREATE TABLE archive (
			kind VARCHAR(16), name VARCHAR(64), digest CHAR(64), version VARCHAR(128) NOT NULL, text LONGTEXT NOT NULL,
			PRIMARY KEY (kind, name, digest))`,
		`CREATE TABLE proposals (
			id CHAR(64) PRIMARY KEY, kind VARCHAR(16) NOT NULL, name VARCHAR(64) NOT NULL, removal TINYINT(1) NOT NULL,
			base LONGTEXT NOT NULL, text LONGTEXT NOT NULL, revision BIGINT UNSIGNED NOT NULL,
			town VARCHAR(64) NOT NULL, author VARCHAR(255) NOT NULL)`,
		`CREATE TABLE resolutions (
			id CHAR(64) PRIMARY KEY, proposal CHAR(64) NOT NULL, outcome VARCHAR(16) NOT NULL, result CHAR(64) NOT NULL,
			town VARCHAR(64) NOT NULL, author VARCHAR(255) NOT NULL)`,
		`CREATE TABLE towns (
			id VARCHAR(64) PRIMARY KEY, name VARCHAR(64) NOT NULL, revision BIGINT UNSIGNED NOT NULL)`,
	},
}}

// tables is every table the plane has; anything else in a store that arrives
// is refused before it is merged.
var tables = []string{
	"archive", "formulas", "meta", "proposals", "resolutions", "roles", "schema_migrations", "templates", "towns",
}

// kept is the tables whose rows are added and never removed.
var kept = []string{"archive", "proposals", "resolutions"}
