-- What people ask for, and what came of it.
CREATE TABLE silence (
    brand TEXT NOT NULL,
    silence TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, silence)
) WITHOUT ROWID;

-- A number is never given twice: who waits for an answer knows his order by it.
CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    brand TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL,
    answered_ms INTEGER,
    refused TEXT
);
CREATE INDEX orders_waiting ON orders (id) WHERE answered_ms IS NULL;

-- Episodes that are over, as they stood at their end.
CREATE TABLE episode (
    id INTEGER PRIMARY KEY,
    brand TEXT NOT NULL,
    subject TEXT NOT NULL,
    rule TEXT NOT NULL,
    closed_ms INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX episode_by_subject ON episode (brand, subject, closed_ms);
CREATE INDEX episode_by_time ON episode (closed_ms);
