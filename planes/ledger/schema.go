package ledger

import "gastown/planes/doltdb"

// migrations is the schema of the plane, oldest step first. A released step never
// changes. The first has no statements of its own, because every step creates the
// tables that say which store this is.
//
// idx_status and idx_created_by serve lists by status and by author.
// Short texts are stored in the row itself, longer ones beside it.
//
// Times are UTC. There are no foreign keys, because links may point to beads of
// other ledgers.
var migrations = []doltdb.Migration{
	{Name: "identity"},
	{Name: "beads", Statements: []string{
		`CREATE TABLE issues (
	id VARCHAR(128) PRIMARY KEY,
	title VARCHAR(500) NOT NULL,
	description TEXT(1048576) NOT NULL,
	design TEXT(1048576) NOT NULL,
	acceptance_criteria TEXT(1048576) NOT NULL,
	notes TEXT(1048576) NOT NULL,
	status VARCHAR(32) NOT NULL,
	priority INT NOT NULL,
	issue_type VARCHAR(64) NOT NULL,
	assignee VARCHAR(255) NOT NULL,
	owner VARCHAR(255) NOT NULL,
	estimated_minutes INT,
	created_at DATETIME(6) NOT NULL,
	created_by VARCHAR(255) NOT NULL,
	updated_at DATETIME(6) NOT NULL,
	closed_at DATETIME(6),
	close_reason TEXT(1048576) NOT NULL,
	due_at DATETIME(6),
	defer_until DATETIME(6),
	external_ref VARCHAR(255) NOT NULL,
	extra TEXT(1048576) NOT NULL)`,
		"CREATE INDEX idx_status ON issues(status)",
		"CREATE INDEX idx_created_by ON issues(created_by)",
		"CREATE INDEX idx_assignee ON issues(assignee)",
		`CREATE TABLE labels (issue_id VARCHAR(128) NOT NULL, label VARCHAR(100) NOT NULL, PRIMARY KEY (issue_id, label))`,
		"CREATE INDEX idx_label ON labels(label)",
		`CREATE TABLE dependencies (
	issue_id VARCHAR(128) NOT NULL,
	depends_on_id VARCHAR(255) NOT NULL,
	type VARCHAR(64) NOT NULL,
	created_at DATETIME(6) NOT NULL,
	created_by VARCHAR(255) NOT NULL,
	PRIMARY KEY (issue_id, depends_on_id, type))`,
		"CREATE INDEX idx_depends_on ON dependencies(depends_on_id)",
		`CREATE TABLE comments (
	issue_id VARCHAR(128) NOT NULL,
	id VARCHAR(128) NOT NULL,
	author VARCHAR(255) NOT NULL,
	text TEXT(1048576) NOT NULL,
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (issue_id, id))`,
		`CREATE TABLE events (
	issue_id VARCHAR(128) NOT NULL,
	id VARCHAR(64) NOT NULL,
	actor VARCHAR(255) NOT NULL,
	created_at DATETIME(6) NOT NULL,
	event_type VARCHAR(32) NOT NULL,
	field VARCHAR(64) NOT NULL,
	old_value TEXT(4096) NOT NULL,
	new_value TEXT(4096) NOT NULL,
	PRIMARY KEY (issue_id, id))`,
		`CREATE TABLE tombstones (
	id VARCHAR(128) PRIMARY KEY,
	deleted_at DATETIME(6) NOT NULL,
	deleted_by VARCHAR(255) NOT NULL,
	reason TEXT(1048576) NOT NULL,
	bead LONGTEXT NOT NULL)`,
		"CREATE TABLE prefixes (rig VARCHAR(64) PRIMARY KEY, prefix VARCHAR(32) NOT NULL UNIQUE)",
		"CREATE TABLE guards (name VARCHAR(32) PRIMARY KEY, value VARCHAR(32) NOT NULL)",
	}},
	// What lists are chosen and ordered by, without texts; see urgency.go.
	{Name: "urgency", Statements: []string{
		"CREATE INDEX idx_urgency ON issues(status, priority, created_at, id, issue_type, defer_until)",
	}},
	// Columns that are NULL in most rows, so that no row is rewritten for them. What an
	// import brought before is in extra, and stays there until the bead is written again;
	// see promote.go. Only what idx_urgency needs is copied.
	{Name: "meaning", Statements: []string{
		"ALTER TABLE issues ADD COLUMN spec_id VARCHAR(1024)",
		"ALTER TABLE issues ADD COLUMN metadata TEXT(1048576)",
		"ALTER TABLE issues ADD COLUMN ephemeral TINYINT",
		"ALTER TABLE issues ADD COLUMN is_template TINYINT",
		"ALTER TABLE issues ADD COLUMN pinned TINYINT",
		"DROP INDEX idx_urgency ON issues",
		`UPDATE issues SET
	ephemeral = IF(JSON_UNQUOTE(JSON_EXTRACT(extra, '$.ephemeral')) = 'true', 1, NULL),
	is_template = IF(JSON_UNQUOTE(JSON_EXTRACT(extra, '$.is_template')) = 'true', 1, NULL),
	pinned = IF(JSON_UNQUOTE(JSON_EXTRACT(extra, '$.pinned')) = 'true', 1, NULL)
	WHERE extra LIKE '%"ephemeral":true%' OR extra LIKE '%"is_template":true%' OR extra LIKE '%"pinned":true%'`,
		"CREATE INDEX idx_urgency ON issues(status, priority, created_at, id, issue_type, defer_until, ephemeral, is_template, pinned)",
		"ALTER TABLE dependencies ADD COLUMN metadata TEXT(65536)",
		"ALTER TABLE dependencies ADD COLUMN thread_id VARCHAR(255)",
		"CREATE TABLE settings (name VARCHAR(255) PRIMARY KEY, value TEXT(65536) NOT NULL)",
		`CREATE TABLE memories (
	name VARCHAR(255) PRIMARY KEY,
	text TEXT(1048576) NOT NULL,
	author VARCHAR(255) NOT NULL,
	created_at DATETIME(6) NOT NULL,
	updated_at DATETIME(6) NOT NULL)`,
	}},
	// A message is stored once, with a row for each recipient. unread and archived repeat
	// what the times say, for the indexes: idx_box lists a mailbox by time, idx_unread
	// finds what is unread, of one mailbox or of all.
	{Name: "mail", Statements: []string{
		`CREATE TABLE messages (
	id VARCHAR(64) PRIMARY KEY,
	thread VARCHAR(64) NOT NULL,
	reply_to VARCHAR(64) NOT NULL,
	sender VARCHAR(255) NOT NULL,
	author VARCHAR(255) NOT NULL,
	addressed VARCHAR(1024) NOT NULL,
	subject VARCHAR(500) NOT NULL,
	body TEXT(1048576) NOT NULL,
	kind VARCHAR(32) NOT NULL,
	priority TINYINT NOT NULL,
	sent_at DATETIME(6) NOT NULL,
	claimed_by VARCHAR(255),
	claimed_at DATETIME(6))`,
		"CREATE INDEX idx_thread ON messages(thread, sent_at, id)",
		`CREATE TABLE deliveries (
	recipient VARCHAR(255) NOT NULL,
	message_id VARCHAR(64) NOT NULL,
	priority TINYINT NOT NULL,
	sent_at DATETIME(6) NOT NULL,
	unread TINYINT NOT NULL,
	archived TINYINT NOT NULL,
	read_at DATETIME(6),
	archived_at DATETIME(6),
	PRIMARY KEY (message_id, recipient))`,
		"CREATE INDEX idx_box ON deliveries(recipient, archived, sent_at, message_id)",
		"CREATE INDEX idx_unread ON deliveries(unread, recipient, priority, sent_at, message_id)",
	}},
}
