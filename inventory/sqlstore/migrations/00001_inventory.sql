-- One schema for SQLite and PostgreSQL. TEXT compares by bytes in both: for PostgreSQL it is read as TEXT COLLATE "C".
-- Times are milliseconds since 1970, days are days since 1970, both UTC.

-- How far each journal is in the rows.
CREATE TABLE positions (
	journal TEXT PRIMARY KEY,
	segment BIGINT NOT NULL,
	place BIGINT NOT NULL
);

-- Figures that belong to no device.
CREATE TABLE sums (
	name TEXT PRIMARY KEY,
	amount BIGINT NOT NULL
);

-- What all lines about one id come to, and which device that id is part of.
CREATE TABLE tallies (
	id TEXT PRIMARY KEY,
	merged_into TEXT NOT NULL,
	root TEXT NOT NULL,
	tally TEXT NOT NULL
);
CREATE INDEX tallies_root ON tallies (root);
CREATE INDEX tallies_merged_into ON tallies (merged_into) WHERE merged_into <> '';

-- What one id did in one day. The device '' is all of them.
CREATE TABLE days (
	device TEXT NOT NULL,
	day BIGINT NOT NULL,
	bridged BIGINT NOT NULL,
	cut BIGINT NOT NULL,
	tls_failed BIGINT NOT NULL,
	refused BIGINT NOT NULL,
	login_failed BIGINT NOT NULL,
	upstream_failed BIGINT NOT NULL,
	protocol_error BIGINT NOT NULL,
	abandoned BIGINT NOT NULL,
	no_version BIGINT NOT NULL,
	ssl3 BIGINT NOT NULL,
	tls10 BIGINT NOT NULL,
	tls11 BIGINT NOT NULL,
	tls12 BIGINT NOT NULL,
	tls13 BIGINT NOT NULL,
	flooded BIGINT NOT NULL,
	bytes_from BIGINT NOT NULL,
	bytes_to BIGINT NOT NULL,
	PRIMARY KEY (device, day)
);
CREATE INDEX days_day ON days (day);

-- Sessions that were admitted and have no end, as a balance.
CREATE TABLE open_sessions (
	run TEXT NOT NULL,
	device TEXT NOT NULL,
	day BIGINT NOT NULL,
	balance BIGINT NOT NULL,
	PRIMARY KEY (run, device, day)
);
CREATE INDEX open_sessions_device ON open_sessions (device);
CREATE INDEX open_sessions_even ON open_sessions (device) WHERE balance = 0;

CREATE TABLE ended_runs (
	run TEXT PRIMARY KEY
);

-- The devices as they are shown: what they are searched, selected and sorted by. NULL sorts last.
CREATE TABLE devices (
	id TEXT PRIMARY KEY,
	stranger BIGINT NOT NULL,
	account TEXT NOT NULL,
	mailbox TEXT,
	vendor TEXT NOT NULL,
	vendor_key TEXT,
	readiness TEXT NOT NULL,
	category TEXT NOT NULL,
	stage TEXT NOT NULL,
	stage_rank BIGINT NOT NULL,
	deadline TEXT,
	owner TEXT NOT NULL,
	owner_key TEXT,
	priority_rank BIGINT,
	cents BIGINT,
	tls_version TEXT NOT NULL,
	version_rank BIGINT,
	next_step TEXT,
	first_seen BIGINT,
	last_seen BIGINT,
	sessions BIGINT NOT NULL,
	blockers TEXT NOT NULL,
	search TEXT NOT NULL
);
CREATE INDEX devices_totals ON devices (stranger, readiness, category, stage, tls_version, next_step, sessions);

-- The same devices whole, as JSON, and what is set for them.
CREATE TABLE documents (
	id TEXT PRIMARY KEY,
	settings TEXT NOT NULL,
	document TEXT NOT NULL
);
CREATE INDEX documents_set ON documents (id) WHERE settings <> '';

-- The sessions themselves, as long as they are kept. That none is here twice is the positions' doing.
CREATE TABLE sessions (
	id TEXT NOT NULL,
	device TEXT NOT NULL,
	started_at BIGINT NOT NULL,
	outcome TEXT NOT NULL,
	record TEXT NOT NULL
);
CREATE INDEX sessions_started_at ON sessions (started_at);
CREATE INDEX sessions_device ON sessions (device, started_at);
