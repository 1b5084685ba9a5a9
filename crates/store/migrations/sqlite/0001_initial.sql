-- Users, sites, keys, and the revision that orders every change to them.

-- "KeyW": tells a Keyward database from any other SQLite file.
PRAGMA application_id = 1264941399;

CREATE TABLE schema_migrations (
    number     INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE meta (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL CHECK (revision >= 0)
) STRICT;

INSERT INTO meta (one, revision) VALUES (1, 0);

-- In `users` and `keys`, `sites` is a JSON array of site numbers: NULL is everyone, '[]' is nobody.
CREATE TABLE users (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email      TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL CHECK (role IN ('admin', 'member')),
    status     TEXT    NOT NULL CHECK (status IN ('active', 'disabled', 'deleted')),
    deleted_at INTEGER CHECK ((deleted_at IS NOT NULL) = (status = 'deleted')),
    sites      TEXT    CHECK (sites IS NULL OR json_valid(sites)),
    created_at INTEGER NOT NULL,
    revision   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX users_email ON users (email) WHERE status <> 'deleted';
CREATE INDEX users_revision ON users (revision);

CREATE TABLE sites (
    id         INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    name       TEXT    NOT NULL UNIQUE,
    status     TEXT    NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at INTEGER NOT NULL,
    revision   INTEGER NOT NULL
) STRICT;

CREATE INDEX sites_revision ON sites (revision);

-- `addresses` is a JSON array of networks in CIDR form: NULL is everyone, '[]' is nobody.
CREATE TABLE keys (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    owner       BLOB    NOT NULL REFERENCES users (id),
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    use_case    TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
    hint        TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('active', 'disabled', 'deleted')),
    deleted_at  INTEGER CHECK ((deleted_at IS NOT NULL) = (status = 'deleted')),
    was_active  INTEGER CHECK (was_active IN (0, 1) AND status = 'deleted' OR was_active IS NULL AND status <> 'deleted'),
    expires_at  INTEGER,
    sites       TEXT    CHECK (sites IS NULL OR json_valid(sites)),
    addresses   TEXT    CHECK (addresses IS NULL OR json_valid(addresses)),
    rate_limit  INTEGER CHECK (rate_limit BETWEEN 1 AND 1000000),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    revision    INTEGER NOT NULL
) STRICT;

CREATE INDEX keys_revision ON keys (revision);
CREATE INDEX keys_owner ON keys (owner, id);
CREATE INDEX keys_deleted ON keys (deleted_at) WHERE status = 'deleted';
