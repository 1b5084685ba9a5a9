-- Which node archives lines of the audit log, and the last line that is archived: only lines up to it may be removed.
CREATE TABLE audit_archive (
    one     BIGINT PRIMARY KEY CHECK (one = 1),
    node    BYTEA  CHECK (octet_length(node) = 16),
    through BYTEA  CHECK (octet_length(through) = 16)
);

INSERT INTO audit_archive (one) VALUES (1);

DROP TRIGGER audit_is_not_changed ON audit;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_changed();

CREATE FUNCTION audit_is_not_archived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM audit_archive WHERE through IS NOT NULL) THEN
        RAISE EXCEPTION 'the audit log cannot be changed';
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER audit_is_not_archived BEFORE DELETE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_archived();

CREATE FUNCTION audit_is_not_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM removed WHERE id > coalesce((SELECT through FROM audit_archive), '')) THEN
        RAISE EXCEPTION 'the audit log cannot be changed';
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER audit_is_not_removed AFTER DELETE ON audit REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_not_removed();
