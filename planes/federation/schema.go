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
}, {
	// Signatures lie beside the rows, so the statements of those who write rows by SQL
	// stay as they are, and rows from before have none. A rank says what is in force
	// where revisions do not: after a removal, or a merge.
	Name: "keys of Towns, signatures, ranks",
	Statements: []string{
		`CREATE TABLE town_keys (
			town VARCHAR(64), number INT UNSIGNED, public CHAR(64) NOT NULL, signature CHAR(128) NOT NULL,
			PRIMARY KEY (town, number))`,
		`CREATE TABLE signatures (
			digest CHAR(64), town VARCHAR(64), signer CHAR(64) NOT NULL, signature CHAR(128) NOT NULL,
			PRIMARY KEY (digest, town))`,
		`CREATE TABLE ranks (
			kind VARCHAR(16), name VARCHAR(64), level BIGINT UNSIGNED, edit CHAR(64), town VARCHAR(64), author VARCHAR(255) NOT NULL,
			PRIMARY KEY (kind, name, level, edit, town))`,
	},
}}

// stepInstances is the step that gave towns the columns instance and departed, stepEpochs
// the one that gave it the column epoch, and stepSigned the one that made the tables of
// signatures.
const (
	stepInstances = 2
	stepEpochs    = 3
	stepSigned    = 4
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
}, {
	"ranks":      "993f019709a1876865d0925a09bc34c2e45fb5d5ef1e6d433e7a707f668468f8",
	"signatures": "6c59ac8b9ddeeef17bcbc5a28c7b2f452702687ed5e03a005f029cfd1b5b3827",
	"town_keys":  "adfbff0af65f3c44234f13c83d1d567f50a69090281db07e0f5d2e1148957d5f",
}}}

// appendOnly are the tables whose rows are added and never removed.
var appendOnly = []string{"archive", "proposals", "resolutions", "town_keys", "signatures", "ranks"}

// neverRemoved are those of which every valid row stays. The others lose rows that a
// Town did not sign, and a merge puts back those that it did.
var neverRemoved = []string{"archive", "proposals"}
