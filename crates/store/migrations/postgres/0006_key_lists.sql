-- What the lists of keys are ordered by, and the addresses that keys were lately used from.

-- The store reads names in this order whatever the case of ASCII letters, and "never" as the latest expiry of all. A query
-- uses these only if it spells the expression as it is here.
CREATE INDEX keys_name ON keys (lower(name), id);
CREATE INDEX keys_expiry ON keys (coalesce(expires_at, 9223372036854775807), id);

-- At most 10 rows a key: those with the latest `at`, the instant of the last granted request from there.
CREATE TABLE recent_addresses (
    key_id  BYTEA            NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    at      BIGINT           NOT NULL,
    PRIMARY KEY (key_id, address)
);
