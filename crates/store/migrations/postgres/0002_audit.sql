-- The audit log: lines are added, never changed or removed.
CREATE TABLE audit (
    id          BYTEA            NOT NULL PRIMARY KEY CHECK (octet_length(id) = 16),
    at          BIGINT           NOT NULL,
    actor       TEXT COLLATE "C" NOT NULL CHECK (actor IN ('operator', 'system', 'user')),
    actor_user  BYTEA            CHECK ((actor_user IS NOT NULL) = (actor = 'user')),
    actor_key   BYTEA            CHECK (actor_key IS NULL OR actor = 'user'),
    address     TEXT COLLATE "C",
    action      TEXT COLLATE "C" NOT NULL,
    target_kind TEXT COLLATE "C" NOT NULL,
    target_id   TEXT COLLATE "C" NOT NULL,
    denied      TEXT COLLATE "C",
    before      TEXT COLLATE "C" CHECK (before IS NULL OR before::json IS NOT NULL),
    after       TEXT COLLATE "C" CHECK (after IS NULL OR after::json IS NOT NULL)
);

CREATE INDEX audit_target ON audit (target_kind, target_id, id);
CREATE INDEX audit_user ON audit (actor_user, id);

CREATE FUNCTION audit_is_not_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log cannot be changed';
END;
$$;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_changed();
