-- The nodes that serve from this database. Its own clock says when each was last seen, so that theirs need not agree.
CREATE TABLE nodes (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    host       TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    version    TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last batch of usage of each node that was counted, so that one that is sent again is not counted again.
CREATE TABLE usage_flushes (
    node   BLOB    NOT NULL PRIMARY KEY CHECK (length(node) = 16),
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
