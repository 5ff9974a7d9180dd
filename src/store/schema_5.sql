-- Which reports by the clock were sent, or are no longer due.
CREATE TABLE report (
    brand TEXT NOT NULL,
    receiver TEXT NOT NULL,
    venue INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, receiver, venue, kind)
) WITHOUT ROWID;
