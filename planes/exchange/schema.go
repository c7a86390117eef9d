package exchange

import (
	"gastown/planes/doltdb"
	"gastown/town"
)

// migrations is the schema of the plane, oldest step first. A released step never
// changes: every Town compares checksums before it merges.
//
// A row of beads belongs to its Town. A column without a value is NULL, whether
// the Town does not share it or it is empty there. Values are text as package share
// writes it: times in UTC with microseconds, labels as a JSON array.
var migrations = []doltdb.Migration{{
	Name: "shared beads",
	Statements: []string{
		`CREATE TABLE towns (id VARCHAR(64) PRIMARY KEY, name VARCHAR(64) NOT NULL)`,
		`CREATE TABLE beads (
			town VARCHAR(64), id VARCHAR(128), digest CHAR(64) NOT NULL,
			title VARCHAR(2000), status VARCHAR(32), issue_type VARCHAR(64), priority VARCHAR(1),
			updated_at VARCHAR(32), created_at VARCHAR(32), closed_at VARCHAR(32), due_at VARCHAR(32),
			description TEXT(1048576), design TEXT(1048576), acceptance_criteria TEXT(1048576),
			notes TEXT(1048576), close_reason TEXT(1048576),
			assignee VARCHAR(255), owner VARCHAR(255), created_by VARCHAR(255), external_ref VARCHAR(255),
			labels TEXT(65536), PRIMARY KEY (town, id))`,
	},
}, {
	// Each row is signed by the Town that it belongs to; see register.go.
	Name: "signed rows",
	Statements: []string{
		`ALTER TABLE beads ADD COLUMN revision BIGINT, ADD COLUMN signer CHAR(64), ADD COLUMN signature CHAR(128)`,
		`ALTER TABLE towns ADD COLUMN revision BIGINT, ADD COLUMN signer CHAR(64), ADD COLUMN signature CHAR(128)`,
	},
}}

// stepSigned is the step with which rows got signatures.
const stepSigned = 2

// shape is what a store that arrives must look like.
var shape = doltdb.Shape{Plane: "exchange", Steps: migrations, Tables: []map[string]town.Digest{{
	"beads":             "10665980784b8fddab9236edef451725cf9029df958a4e789ebfeaf893e8cbdc",
	"meta":              "9e8c044a6dc79016acd581674a43b92c2d250c3b1e198ac95c31778faabb77f2",
	"schema_migrations": "8743370880ac67bbc104af54fbcf5c7651af6dc76f4176691b360a346ad6b16c",
	"towns":             "58af6155303f8847fe02713099000441cf45e5193e34f153678f3369274f8dd2",
}, {
	"beads": "7bef2a8fd141f17da7e0132b5511d3620e4cb2b4814ba3ebca5016b76cadcb87",
	"towns": "54f94e1ba1170a9302f4eb5126d051fe776c181cebfb3f27f6296abcaae0f2e3",
}}}
