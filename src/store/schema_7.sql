-- The key that signs the links in mails, as 64 hexadecimal digits; one row at most.
CREATE TABLE link_key (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    key TEXT NOT NULL
);
-- Whoever opens a link names an episode, and of those that are over there may be very many.
CREATE INDEX episode_by_id ON episode (brand, json_extract(body, '$.Open.episode'));
