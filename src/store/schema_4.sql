-- When mails went out to a receiver within the last hour.
CREATE TABLE mailed (
    brand TEXT NOT NULL,
    receiver TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (brand, receiver)
) WITHOUT ROWID;
