-- Nobody but the one process that holds the database is at work on its outbox, and knows by itself what is on its way.
ALTER TABLE outbox DROP COLUMN leased_until_ms;
