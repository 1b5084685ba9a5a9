-- A random mark of each of the last revisions. A database that went back (restored from a backup, or a standby that was
-- behind and took over) gives the same numbers again, but not the same marks.
CREATE TABLE marks (
    revision INTEGER PRIMARY KEY,
    mark     BLOB    NOT NULL CHECK (length(mark) = 16)
) STRICT;

INSERT INTO marks (revision, mark) SELECT revision, randomblob(16) FROM meta WHERE revision > 0;
