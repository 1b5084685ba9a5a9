-- What lists of many rows are read by.

-- Keys by their last use.
CREATE INDEX last_used_at ON last_used (at, key_id);

-- Lines of the audit log by what they are about, by what was done, and those that were denied, each in the order of the list.
CREATE INDEX audit_thing ON audit (target_id, id);
CREATE INDEX audit_kind ON audit (target_kind, id);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_denied ON audit (id) WHERE denied IS NOT NULL;

-- Lines are ordered by ids, which begin with an instant; so ids bound a time. Here are those whose instant is another one than theirs, as
-- when the clock was set back. A query uses this only if it spells the condition as it is here.
CREATE INDEX audit_clock ON audit (id)
WHERE hex(substr(id, 1, 6)) NOT BETWEEN printf('%012X', at - 60000) AND printf('%012X', at + 60000);

-- Last, as nobody can read the log from here to the end of the step.
DROP INDEX audit_target;
