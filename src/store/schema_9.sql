-- What people and programs ask for is found where it stands, however much else there is: the lines of a venue by time, and
-- what was delivered or given up by whom it was for.
CREATE INDEX history_by_venue ON history (brand, venue, at_ms);
CREATE INDEX outbox_ended ON outbox (state, receiver, channel) WHERE finished_ms IS NOT NULL;
