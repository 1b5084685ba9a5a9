-- The nodes that serve from this database. Its own clock says when each was last seen, so that theirs need not agree.
CREATE TABLE nodes (
    id         BYTEA            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    host       TEXT COLLATE "C" NOT NULL,
    address    TEXT COLLATE "C" NOT NULL,
    version    TEXT COLLATE "C" NOT NULL,
    revision   BIGINT           NOT NULL,
    started_at BIGINT           NOT NULL,
    seen_at    BIGINT           NOT NULL
);

-- The last batch of usage of each node that was counted, so that one that is sent again is not counted again.
CREATE TABLE usage_flushes (
    node   BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(node) = 16),
    number BIGINT NOT NULL,
    at     BIGINT NOT NULL
);
