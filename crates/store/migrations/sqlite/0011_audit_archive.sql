-- Which node archives lines of the audit log, and the last line that is archived: only lines up to it may be removed.
CREATE TABLE audit_archive (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    node    BLOB    CHECK (length(node) = 16),
    through BLOB    CHECK (length(through) = 16)
) STRICT;

INSERT INTO audit_archive (one) VALUES (1);

DROP TRIGGER audit_is_not_removed;

CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM audit_archive WHERE through >= OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit log cannot be changed');
END;
