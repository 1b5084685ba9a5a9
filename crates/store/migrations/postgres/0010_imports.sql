-- Imports: their keys come in portions, and are there for anybody only when the import is published.

-- `keys` is how many were written. `revision` is that of its publication: NULL before. One that is `dropped`, or that nobody has
-- gone on with (`seen_at`, Unix milliseconds of the database's clock), loses its keys.
CREATE TABLE imports (
    id       BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seen_at  BIGINT  NOT NULL,
    keys     BIGINT  NOT NULL DEFAULT 0,
    dropped  BOOLEAN NOT NULL DEFAULT FALSE CHECK (NOT (dropped AND revision IS NOT NULL)),
    revision BIGINT
);

CREATE INDEX imports_revision ON imports (revision);

-- The import that brought a key. As long as nothing has changed it, its `revision` is 0, and counts as that of the import.
ALTER TABLE keys ADD COLUMN import BIGINT;
CREATE INDEX keys_import ON keys (import, id) WHERE import IS NOT NULL;

-- What is read wherever keys are read.
CREATE VIEW visible_keys AS
SELECT id, owner, name, description, use_case, fingerprint, hint, status, deleted_at, was_active, expires_at, sites, addresses,
       rate_limit, created_at, updated_at, import,
       CASE WHEN import IS NULL OR revision > 0 THEN revision
            ELSE (SELECT imports.revision FROM imports WHERE imports.id = keys.import) END AS revision
FROM keys
WHERE import IS NULL OR EXISTS (SELECT 1 FROM imports WHERE imports.id = keys.import AND imports.revision IS NOT NULL);
