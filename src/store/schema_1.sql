-- Bodies are JSON with a version inside (src/store/format.rs); columns are what statements ask for.
CREATE TABLE venue (
    brand TEXT NOT NULL,
    venue INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, venue)
) WITHOUT ROWID;

CREATE TABLE catalog (
    brand TEXT NOT NULL,
    venue INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, venue)
) WITHOUT ROWID;

CREATE TABLE alert (
    brand TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, subject, rule)
) WITHOUT ROWID;

CREATE TABLE mail_group (
    brand TEXT NOT NULL,
    receiver TEXT NOT NULL,
    venue TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, receiver, venue)
) WITHOUT ROWID;

CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    brand TEXT NOT NULL,
    venue INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX history_by_subject ON history (brand, venue, subject, at_ms);
CREATE INDEX history_by_time ON history (at_ms);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    notice TEXT NOT NULL,
    receiver TEXT NOT NULL,
    channel TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    summary TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead', 'expired')),
    attempts INTEGER NOT NULL DEFAULT 0,
    queued_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    leased_until_ms INTEGER NOT NULL DEFAULT 0,
    finished_ms INTEGER,
    why TEXT,
    UNIQUE (notice, receiver, channel)
);
-- In the order of id, which is the order of telling.
CREATE INDEX outbox_waiting ON outbox (receiver, channel) WHERE state = 'waiting';
CREATE INDEX outbox_finished ON outbox (state, finished_ms) WHERE finished_ms IS NOT NULL;

CREATE TABLE published (
    broker TEXT NOT NULL,
    topic TEXT NOT NULL,
    PRIMARY KEY (broker, topic)
) WITHOUT ROWID;
