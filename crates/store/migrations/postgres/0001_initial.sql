-- Users, sites, keys, and the revision that orders every change to them.

-- Text is compared and ordered by its bytes, whatever the locale of the database; all numbers have 64 bits.
CREATE TABLE schema_migrations (
    number     BIGINT           PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    applied_at BIGINT           NOT NULL
);

CREATE TABLE meta (
    one      BIGINT PRIMARY KEY CHECK (one = 1),
    revision BIGINT NOT NULL CHECK (revision >= 0)
);

-- Tells these tables from those of any other program.
COMMENT ON TABLE meta IS 'Keyward';

INSERT INTO meta (one, revision) VALUES (1, 0);

-- In `users` and `keys`, `sites` is a JSON array of site numbers: NULL is everyone, '[]' is nobody.
CREATE TABLE users (
    id         BYTEA            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    email      TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    role       TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'member')),
    status     TEXT COLLATE "C" NOT NULL CHECK (status IN ('active', 'disabled', 'deleted')),
    deleted_at BIGINT           CHECK ((deleted_at IS NOT NULL) = (status = 'deleted')),
    sites      TEXT COLLATE "C" CHECK (sites IS NULL OR sites::json IS NOT NULL),
    created_at BIGINT           NOT NULL,
    revision   BIGINT           NOT NULL
);

CREATE UNIQUE INDEX users_email ON users (email) WHERE status <> 'deleted';
CREATE INDEX users_revision ON users (revision);

CREATE TABLE sites (
    id         BIGINT           PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    name       TEXT COLLATE "C" NOT NULL CONSTRAINT sites_name UNIQUE,
    status     TEXT COLLATE "C" NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at BIGINT           NOT NULL,
    revision   BIGINT           NOT NULL
);

CREATE INDEX sites_revision ON sites (revision);

-- `addresses` is a JSON array of networks in CIDR form: NULL is everyone, '[]' is nobody.
CREATE TABLE keys (
    id          BYTEA            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    owner       BYTEA            NOT NULL REFERENCES users (id),
    name        TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    use_case    TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA            NOT NULL CONSTRAINT keys_fingerprint UNIQUE CHECK (octet_length(fingerprint) = 32),
    hint        TEXT COLLATE "C" NOT NULL,
    status      TEXT COLLATE "C" NOT NULL CHECK (status IN ('active', 'disabled', 'deleted')),
    deleted_at  BIGINT           CHECK ((deleted_at IS NOT NULL) = (status = 'deleted')),
    was_active  BOOLEAN          CHECK ((was_active IS NOT NULL) = (status = 'deleted')),
    expires_at  BIGINT,
    sites       TEXT COLLATE "C" CHECK (sites IS NULL OR sites::json IS NOT NULL),
    addresses   TEXT COLLATE "C" CHECK (addresses IS NULL OR addresses::json IS NOT NULL),
    rate_limit  BIGINT           CHECK (rate_limit BETWEEN 1 AND 1000000),
    created_at  BIGINT           NOT NULL,
    updated_at  BIGINT           NOT NULL,
    revision    BIGINT           NOT NULL
);

CREATE INDEX keys_revision ON keys (revision);
CREATE INDEX keys_owner ON keys (owner, id);
CREATE INDEX keys_deleted ON keys (deleted_at) WHERE status = 'deleted';
