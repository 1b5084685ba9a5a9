-- How people sign in. None of this takes part in the feed: the revision rises only when users change. Of what a browser
-- or a link carries only the SHA-256 is here.

-- `stamp` is raised by every change of the password or the second factor, so that what was proved by an older state
-- opens nothing.
CREATE TABLE credentials (
    user_id        BYTEA            NOT NULL PRIMARY KEY REFERENCES users (id),
    password       TEXT COLLATE "C",
    totp_key       BYTEA            CHECK (totp_key IS NULL OR octet_length(totp_key) = 20),
    totp_confirmed BOOLEAN          NOT NULL CHECK (totp_key IS NOT NULL OR NOT totp_confirmed),
    totp_last_step BIGINT           NOT NULL,
    language       TEXT COLLATE "C",
    stamp          BIGINT           NOT NULL CHECK (stamp >= 0)
);

CREATE TABLE recovery_codes (
    user_id BYTEA NOT NULL REFERENCES users (id),
    hash    BYTEA NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (user_id, hash)
);

CREATE TABLE sessions (
    id         BYTEA            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    user_id    BYTEA            NOT NULL REFERENCES users (id),
    token      BYTEA            NOT NULL UNIQUE CHECK (octet_length(token) = 32),
    created_at BIGINT           NOT NULL,
    seen_at    BIGINT           NOT NULL,
    ends_at    BIGINT           NOT NULL,
    address    TEXT COLLATE "C",
    agent      TEXT COLLATE "C" NOT NULL
);

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_ends ON sessions (ends_at);

CREATE TABLE links (
    hash       BYTEA            NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    user_id    BYTEA            NOT NULL REFERENCES users (id),
    purpose    TEXT COLLATE "C" NOT NULL CHECK (purpose IN ('invite', 'reset')),
    expires_at BIGINT           NOT NULL
);

CREATE INDEX links_user ON links (user_id);

-- Sign-ins that wait for their second factor.
CREATE TABLE pending_sign_ins (
    hash       BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    user_id    BYTEA  NOT NULL REFERENCES users (id),
    expires_at BIGINT NOT NULL,
    tries_left BIGINT NOT NULL CHECK (tries_left >= 0),
    device     BYTEA  CHECK (device IS NULL OR octet_length(device) = 32),
    stamp      BIGINT NOT NULL
);

CREATE INDEX pending_sign_ins_user ON pending_sign_ins (user_id);

-- Browsers from which a user has signed in; it proves nothing, but others' failures do not slow it.
CREATE TABLE devices (
    hash    BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(hash) = 32),
    user_id BYTEA  NOT NULL REFERENCES users (id),
    seen_at BIGINT NOT NULL
);

CREATE INDEX devices_user ON devices (user_id, seen_at);

CREATE TABLE identities (
    issuer     TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    user_id    BYTEA            NOT NULL REFERENCES users (id),
    created_at BIGINT           NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX identities_user ON identities (user_id);
