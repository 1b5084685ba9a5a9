-- What may happen once only: creates under an Idempotency-Key, and the first set-up.
CREATE TABLE idempotency (
    actor        TEXT    NOT NULL,
    token        TEXT    NOT NULL,
    request_hash BLOB    NOT NULL CHECK (length(request_hash) = 32),
    target       TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (actor, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE setup_token (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    expires_at INTEGER NOT NULL
) STRICT;
