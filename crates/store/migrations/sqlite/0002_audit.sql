-- The audit log: lines are added, never changed or removed.
CREATE TABLE audit (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    at          INTEGER NOT NULL,
    actor       TEXT    NOT NULL CHECK (actor IN ('operator', 'system', 'user')),
    actor_user  BLOB    CHECK ((actor_user IS NOT NULL) = (actor = 'user')),
    actor_key   BLOB    CHECK (actor_key IS NULL OR actor = 'user'),
    address     TEXT,
    action      TEXT    NOT NULL,
    target_kind TEXT    NOT NULL,
    target_id   TEXT    NOT NULL,
    denied      TEXT,
    before      TEXT    CHECK (before IS NULL OR json_valid(before)),
    after       TEXT    CHECK (after IS NULL OR json_valid(after))
) STRICT;

CREATE INDEX audit_target ON audit (target_kind, target_id, id);
CREATE INDEX audit_user ON audit (actor_user, id);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log cannot be changed');
END;

CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log cannot be changed');
END;

-- REPLACE removes a row without firing the trigger above, so it is refused before it can.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit log cannot be changed');
END;
