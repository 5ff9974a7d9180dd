-- Which other receiver was told of a notice that does not arrive, and when.
ALTER TABLE outbox ADD COLUMN passed_to TEXT;
ALTER TABLE outbox ADD COLUMN passed_ms INTEGER;
CREATE INDEX outbox_untold ON outbox (receiver) WHERE passed_ms IS NULL AND state IN ('waiting', 'dead', 'expired');
