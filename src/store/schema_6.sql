-- When venues were last read; an unchanged list is not written for it.
CREATE TABLE reading (
    brand TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) WITHOUT ROWID;
