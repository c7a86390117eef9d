package federation

import (
	"gastown/planes/doltdb"
	"gastown/town"
)

// migrations is the schema of the federation plane, oldest first. A released
// step never changes: every Town compares checksums before it merges.
//
// Keys are names or digests, never counters, so two Towns cannot give one key to two
// things. The digest column covers the whole edit (town.Edit.Digest), so
// concurrent edits of one row are always a conflict. Rows of archive, proposals
// and resolutions have a digest of their content as key: they are added and never
// changed.
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
}, {
	// A Town that a former version of gt entered has no instance. departed says that
	// the Town left the federation.
	Name: "instances of Towns, and Towns that left",
	Statements: []string{
		`ALTER TABLE towns ADD COLUMN instance VARCHAR(64) NOT NULL DEFAULT ''`,
		`ALTER TABLE towns ADD COLUMN departed TINYINT(1) NOT NULL DEFAULT 0`,
	},
}, {
	// The epoch grows when another directory begins to speak for the Town. 0 stands
	// for a Town in which that has not happened since this step.
	Name: "epochs of Towns",
	Statements: []string{
		`ALTER TABLE towns ADD COLUMN epoch BIGINT UNSIGNED NOT NULL DEFAULT 0`,
	},
}}

// stepInstances is the step that gave towns the columns instance and departed,
// stepEpochs the one that gave it the column epoch.
const (
	stepInstances = 2
	stepEpochs    = 3
)

// shape is the schema an incoming store must have. A store with anything else in it
// is refused before it is merged.
var shape = doltdb.Shape{Plane: "federation", Steps: migrations, Tables: []map[string]town.Digest{{
	"archive":           "a5bfb93f89a03c57b5e0ffece52ab284c2620f5b2f78648920aae5d4456afcef",
	"formulas":          "c307ad4c7333dc2cc7d7e38ac2a9048c6ab1e4b9218e6d8ccd660fc40b7222f3",
	"meta":              "9e8c044a6dc79016acd581674a43b92c2d250c3b1e198ac95c31778faabb77f2",
	"proposals":         "432ced6948c7158a1ba67ab6b4d9b38b59464e1921ee9fae76d109f71aa422c8",
	"resolutions":       "3ec0fd1c2edde85564317ce450819669496f094531a823d20fba572e18f32ac8",
	"roles":             "e6c4e2ccccdade62aaff0903a590ffdd2a83d54ee11b9c170436bab402088e7a",
	"schema_migrations": "8743370880ac67bbc104af54fbcf5c7651af6dc76f4176691b360a346ad6b16c",
	"templates":         "ea2160aeb73dc57f2bf7126a872ea09327aba1bc07a594e8fba4d162c98c2283",
	"towns":             "126fa50d58595046d3e160a8ca1f3be438239754d19030a2f4f0f3573733c7c3",
}, {
	"towns": "e0b1372b72d8e0cee4ed62306dac546d561aa8cc78ed3878f501ecc421704aa2",
}, {
	"towns": "a7a0418041c0e5668d01e4f3ebb61c3b3e103868ca84004285fd2af1ade3853a",
}}}

// appendOnly are the tables whose rows are added and never removed.
var appendOnly = []string{"archive", "proposals", "resolutions"}
