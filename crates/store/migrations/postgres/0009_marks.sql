-- A random mark of each of the last revisions. A database that went back (restored from a backup, or a standby that was
-- behind and took over) gives the same numbers again, but not the same marks.
CREATE TABLE marks (
    revision BIGINT NOT NULL PRIMARY KEY,
    mark     BYTEA  NOT NULL CHECK (octet_length(mark) = 16)
);

INSERT INTO marks (revision, mark) SELECT revision, uuid_send(gen_random_uuid()) FROM meta WHERE revision > 0;
