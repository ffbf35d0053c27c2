-- +goose Up

-- SQLite's half of version 2; PostgreSQL's is beside it and ends in the same
-- columns. Only the index of texts and the functions that take a text apart
-- differ.

-- The machine that a finding is on, or was seen from. What was kept before has
-- it from its entity's id.
ALTER TABLE findings ADD COLUMN host TEXT NOT NULL DEFAULT '';
UPDATE findings SET host = CASE substr(entity, 1, instr(entity, ':') - 1)
    WHEN 'host' THEN substr(entity, 6)
    WHEN 'endpoint' THEN ''
    WHEN 'certificate' THEN ''
    WHEN 'target' THEN ''
    ELSE substr(substr(entity, instr(entity, ':') + 1), 1, instr(substr(entity, instr(entity, ':') + 1), ':') - 1)
END WHERE instr(entity, ':') > 0;

-- Both hold what the findings of a page about one thing are filtered by.
DROP INDEX findings_entity;
CREATE INDEX findings_entity ON findings (tenant, entity, place, environment, resolved_at, first_seen);
CREATE INDEX findings_host ON findings (tenant, host, place, environment, resolved_at, first_seen);

-- The place of a version in the lists of past times, where it is the one of the
-- source that has the say.
ALTER TABLE entity_versions ADD COLUMN place BYTEA NOT NULL DEFAULT x'';
UPDATE entity_versions AS v SET place = coalesce(
    (SELECT place FROM entities AS e WHERE e.tenant = v.tenant AND e.environment = v.environment AND e.id = v.id
        AND e.kind = v.kind AND e.name = v.name),
    unhex(hex(kind) || '00' || hex(lower(name)) || '00' || hex(id) || '00' || hex(environment)));
CREATE INDEX entity_versions_place ON entity_versions (tenant, place, valid_to, valid_from, environment, kind);
DROP INDEX entity_versions_time;
CREATE INDEX entity_versions_time ON entity_versions (tenant, valid_to, valid_from, environment, kind, id);

-- Where an id is asked for without its environment.
CREATE INDEX entities_id ON entities (tenant, id, environment);

-- The three-letter parts of all search texts, without the texts: what has the
-- parts of a text is looked at for the text itself. A number stands for a
-- finding, since SQLite may give the rows of findings others (VACUUM).
CREATE TABLE finding_numbers (
    number  INTEGER PRIMARY KEY,
    finding TEXT NOT NULL UNIQUE
);
CREATE VIRTUAL TABLE finding_grams USING fts5(search, content='', contentless_delete=1, detail=none,
    tokenize='trigram case_sensitive 1');

INSERT INTO finding_numbers (finding) SELECT id FROM findings;
INSERT INTO finding_grams (rowid, search)
    SELECT number, search FROM finding_numbers JOIN findings ON id = finding ORDER BY number;

-- The database keeps it in step, whoever writes.
-- +goose StatementBegin
CREATE TRIGGER finding_begins AFTER INSERT ON findings BEGIN
    INSERT INTO finding_numbers (finding) VALUES (new.id);
    INSERT INTO finding_grams (rowid, search)
        SELECT number, new.search FROM finding_numbers WHERE finding = new.id;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER finding_reworded AFTER UPDATE OF search ON findings WHEN old.search <> new.search BEGIN
    UPDATE finding_grams SET search = new.search
        WHERE rowid = (SELECT number FROM finding_numbers WHERE finding = new.id);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER finding_ends AFTER DELETE ON findings BEGIN
    DELETE FROM finding_grams WHERE rowid = (SELECT number FROM finding_numbers WHERE finding = old.id);
    DELETE FROM finding_numbers WHERE finding = old.id;
END;
-- +goose StatementEnd
