-- How often keys were used. `period` is the width of the bucket in milliseconds; `outcome` is 'granted' or the code
-- of the refusal.
CREATE TABLE usage (
    key_id  BYTEA            NOT NULL,
    period  BIGINT           NOT NULL CHECK (period IN (60000, 3600000, 86400000)),
    start   BIGINT           NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    count   BIGINT           NOT NULL CHECK (count >= 0),
    PRIMARY KEY (key_id, period, start, outcome)
);

CREATE INDEX usage_age ON usage (period, start);

CREATE TABLE last_used (
    key_id  BYTEA            NOT NULL PRIMARY KEY,
    at      BIGINT           NOT NULL,
    address TEXT COLLATE "C"
);
