-- What may happen once only: creates under an Idempotency-Key, and the first set-up.
CREATE TABLE idempotency (
    actor        TEXT COLLATE "C" NOT NULL,
    token        TEXT COLLATE "C" NOT NULL,
    request_hash BYTEA            NOT NULL CHECK (octet_length(request_hash) = 32),
    target       TEXT COLLATE "C" NOT NULL,
    at           BIGINT           NOT NULL,
    PRIMARY KEY (actor, token)
);

CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE setup_token (
    one        BIGINT PRIMARY KEY CHECK (one = 1),
    hash       BYTEA  NOT NULL CHECK (octet_length(hash) = 32),
    expires_at BIGINT NOT NULL
);
