-- +goose Up

-- PostgreSQL's half of version 2; SQLite's is beside it and ends in the same
-- columns. Only the index of texts and the functions that take a text apart
-- differ.

-- The machine that a finding is on, or was seen from. What was kept before has
-- it from its entity's id.
ALTER TABLE findings ADD COLUMN host TEXT NOT NULL DEFAULT '';
UPDATE findings SET host = CASE split_part(entity, ':', 1)
    WHEN 'host' THEN substr(entity, 6)
    WHEN 'endpoint' THEN ''
    WHEN 'certificate' THEN ''
    WHEN 'target' THEN ''
    ELSE CASE WHEN entity LIKE '%:%:%' THEN split_part(entity, ':', 2) ELSE '' END
END WHERE entity LIKE '%:%';

-- Both hold what the findings of a page about one thing are filtered by.
DROP INDEX findings_entity;
CREATE INDEX findings_entity ON findings (tenant, entity, place, environment, resolved_at, first_seen);
CREATE INDEX findings_host ON findings (tenant, host, place, environment, resolved_at, first_seen);

-- The place of a version in the lists of past times, where it is the one of the
-- source that has the say.
ALTER TABLE entity_versions ADD COLUMN place BYTEA NOT NULL DEFAULT '\x';
UPDATE entity_versions AS v SET place = coalesce(
    (SELECT place FROM entities AS e WHERE e.tenant = v.tenant AND e.environment = v.environment AND e.id = v.id
        AND e.kind = v.kind AND e.name = v.name),
    decode(concat_ws('00', encode(convert_to(kind, 'UTF8'), 'hex'), encode(convert_to(lower(name), 'UTF8'), 'hex'),
        encode(convert_to(id, 'UTF8'), 'hex'), encode(convert_to(environment, 'UTF8'), 'hex')), 'hex'));
CREATE INDEX entity_versions_place ON entity_versions (tenant, place, valid_to, valid_from, environment, kind);
DROP INDEX entity_versions_time;
CREATE INDEX entity_versions_time ON entity_versions (tenant, valid_to, valid_from, environment, kind, id);

-- Where an id is asked for without its environment.
CREATE INDEX entities_id ON entities (tenant, id, environment);

-- The three-letter parts of a search text. Our own and not those of pg_trgm,
-- which is an extension that may be missing or forbidden, and lives in one
-- schema of a database only. It is dear, and is asked of the index and never
-- row by row.
CREATE OR REPLACE FUNCTION evenkeel_grams(search TEXT) RETURNS TEXT[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL RESTRICTED COST 100
    AS 'SELECT array_agg(substr(search, n, 3)) FROM generate_series(1, length(search) - 2) AS n';
CREATE INDEX findings_grams ON findings USING gin (evenkeel_grams(search));
