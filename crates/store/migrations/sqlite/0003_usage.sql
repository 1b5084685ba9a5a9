-- How often keys were used. `period` is the width of the bucket in milliseconds; `outcome` is 'granted' or the code
-- of the refusal.
CREATE TABLE usage (
    key_id  BLOB    NOT NULL,
    period  INTEGER NOT NULL CHECK (period IN (60000, 3600000, 86400000)),
    start   INTEGER NOT NULL,
    outcome TEXT    NOT NULL,
    count   INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (key_id, period, start, outcome)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_age ON usage (period, start);

CREATE TABLE last_used (
    key_id  BLOB    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    address TEXT
) STRICT, WITHOUT ROWID;
