-- How people sign in. None of this takes part in the feed: the revision rises only when users change. Of what a browser
-- or a link carries only the SHA-256 is here.

-- `stamp` is raised by every change of the password or the second factor, so that what was proved by an older state
-- opens nothing.
CREATE TABLE credentials (
    user_id        BLOB    NOT NULL PRIMARY KEY REFERENCES users (id),
    password       TEXT,
    totp_key       BLOB    CHECK (totp_key IS NULL OR length(totp_key) = 20),
    totp_confirmed INTEGER NOT NULL CHECK (totp_confirmed IN (0, 1) AND (totp_key IS NOT NULL OR totp_confirmed = 0)),
    totp_last_step INTEGER NOT NULL,
    language       TEXT,
    stamp          INTEGER NOT NULL CHECK (stamp >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_codes (
    user_id BLOB NOT NULL REFERENCES users (id),
    hash    BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id    BLOB    NOT NULL REFERENCES users (id),
    token      BLOB    NOT NULL UNIQUE CHECK (length(token) = 32),
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    address    TEXT,
    agent      TEXT    NOT NULL
) STRICT;

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_ends ON sessions (ends_at);

CREATE TABLE links (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_id    BLOB    NOT NULL REFERENCES users (id),
    purpose    TEXT    NOT NULL CHECK (purpose IN ('invite', 'reset')),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX links_user ON links (user_id);

-- Sign-ins that wait for their second factor.
CREATE TABLE pending_sign_ins (
    hash       BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_id    BLOB    NOT NULL REFERENCES users (id),
    expires_at INTEGER NOT NULL,
    tries_left INTEGER NOT NULL CHECK (tries_left >= 0),
    device     BLOB    CHECK (device IS NULL OR length(device) = 32),
    stamp      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pending_sign_ins_user ON pending_sign_ins (user_id);

-- Browsers from which a user has signed in; it proves nothing, but others' failures do not slow it.
CREATE TABLE devices (
    hash    BLOB    NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    user_id BLOB    NOT NULL REFERENCES users (id),
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX devices_user ON devices (user_id, seen_at);

CREATE TABLE identities (
    issuer     TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    user_id    BLOB    NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_user ON identities (user_id);
