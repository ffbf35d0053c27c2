-- +goose Up

-- One text for SQLite and PostgreSQL. Times are microseconds since 1970 in
-- UTC, 0 for none. "place" is where a row stands in its list: bytes whose order
-- is the list's order on both databases, whatever their collation. "search" is
-- the text that a search looks at, in lower case. BYTEA holds blobs on SQLite
-- too, which never converts one.

CREATE TABLE findings (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    practice    TEXT NOT NULL,
    check_id    TEXT NOT NULL,
    entity      TEXT NOT NULL,
    state       TEXT NOT NULL,
    prior       TEXT NOT NULL,
    severity    BIGINT NOT NULL,
    first_seen  BIGINT NOT NULL,
    last_seen   BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    resolved_at BIGINT NOT NULL,
    until_at    BIGINT NOT NULL,
    returns     BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    reason      TEXT NOT NULL,
    by_name     TEXT NOT NULL,
    place       BYTEA NOT NULL,
    search      TEXT NOT NULL,
    answer      TEXT NOT NULL,
    report      TEXT NOT NULL
);
-- The promise that at most one finding per key is not resolved.
CREATE UNIQUE INDEX findings_standing ON findings (tenant, environment, practice, check_id, entity)
    WHERE state <> 'resolved';
-- Holds all that a list filters by, so that a walk through it reads no rows but
-- those of the page.
CREATE INDEX findings_place ON findings (tenant, place, environment, state, severity, practice, check_id,
    resolved_at, first_seen, search);
CREATE INDEX findings_check ON findings (tenant, check_id, place);
CREATE INDEX findings_entity ON findings (tenant, entity, place);
CREATE INDEX findings_resolved ON findings (resolved_at) WHERE state = 'resolved';
CREATE INDEX findings_until ON findings (until_at) WHERE until_at > 0;

CREATE TABLE finding_events (
    finding  TEXT NOT NULL,
    revision BIGINT NOT NULL,
    n        BIGINT NOT NULL,
    id       TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    kind     TEXT NOT NULL,
    was      TEXT NOT NULL,
    became   TEXT NOT NULL,
    by_name  TEXT NOT NULL,
    detail   TEXT NOT NULL,
    PRIMARY KEY (finding, revision, n)
);

-- The estate as of now, merged over its sources; what is gone keeps its last
-- version until it is pruned.
CREATE TABLE entities (
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    id          TEXT NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    attributes  TEXT NOT NULL,
    sources     TEXT NOT NULL,
    since       BIGINT NOT NULL,
    until_at    BIGINT NOT NULL,
    place       BYTEA NOT NULL,
    search      TEXT NOT NULL,
    PRIMARY KEY (tenant, environment, id)
);
CREATE INDEX entities_place ON entities (tenant, until_at, place, environment, kind, search);
CREATE INDEX entities_gone ON entities (until_at) WHERE until_at > 0;

-- What each source saw, when: valid from valid_from to before valid_to, which
-- is 9223372036854775807 while it is so.
CREATE TABLE entity_versions (
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    id          TEXT NOT NULL,
    source      TEXT NOT NULL,
    valid_from  BIGINT NOT NULL,
    valid_to    BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    attributes  TEXT NOT NULL,
    since       BIGINT NOT NULL,
    PRIMARY KEY (tenant, environment, id, source, valid_from)
);
CREATE INDEX entity_versions_time ON entity_versions (tenant, valid_to, valid_from);
CREATE INDEX entity_versions_source ON entity_versions (tenant, environment, source, valid_to);

CREATE TABLE relation_versions (
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    from_id     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    to_id       TEXT NOT NULL,
    source      TEXT NOT NULL,
    valid_from  BIGINT NOT NULL,
    valid_to    BIGINT NOT NULL,
    confidence  DOUBLE PRECISION NOT NULL,
    since       BIGINT NOT NULL,
    PRIMARY KEY (tenant, environment, from_id, kind, to_id, source, valid_from)
);
CREATE INDEX relation_versions_from ON relation_versions (tenant, environment, from_id, valid_to);
CREATE INDEX relation_versions_to ON relation_versions (tenant, environment, to_id, valid_to);
CREATE INDEX relation_versions_source ON relation_versions (tenant, environment, source, valid_to);

CREATE TABLE changes (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    source      TEXT NOT NULL,
    fold_key    TEXT NOT NULL,
    at          BIGINT NOT NULL,
    entity      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    summary     TEXT NOT NULL,
    who         TEXT NOT NULL,
    was         TEXT NOT NULL,
    became      TEXT NOT NULL,
    place       BYTEA NOT NULL
);
CREATE UNIQUE INDEX changes_fold ON changes (tenant, environment, source, fold_key);
CREATE INDEX changes_place ON changes (tenant, place, environment, kind);
CREATE INDEX changes_entity ON changes (tenant, entity, place);

CREATE TABLE users (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    password TEXT NOT NULL,
    subject  TEXT NOT NULL,
    grants   TEXT NOT NULL,
    created  BIGINT NOT NULL,
    disabled BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_name ON users (name);
CREATE UNIQUE INDEX users_subject ON users (subject) WHERE subject <> '';

CREATE TABLE sessions (
    hash    TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    grants  TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    seen    BIGINT NOT NULL,
    address TEXT NOT NULL,
    agent   TEXT NOT NULL
);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE tokens (
    id      TEXT PRIMARY KEY,
    hash    TEXT NOT NULL,
    name    TEXT NOT NULL,
    grants  TEXT NOT NULL,
    scopes  TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    seen    BIGINT NOT NULL
);
CREATE UNIQUE INDEX tokens_hash ON tokens (hash);

CREATE TABLE login_links (
    hash    TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    expires BIGINT NOT NULL
);

CREATE TABLE audit (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    at          BIGINT NOT NULL,
    actor_kind  TEXT NOT NULL,
    actor_id    TEXT NOT NULL,
    actor_name  TEXT NOT NULL,
    action      TEXT NOT NULL,
    object      TEXT NOT NULL,
    detail      TEXT NOT NULL,
    address     TEXT NOT NULL,
    place       BYTEA NOT NULL
);
CREATE INDEX audit_place ON audit (tenant, place);
CREATE INDEX audit_at ON audit (at);

-- What detect has learned, as it packs it.
CREATE TABLE baselines (
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    saved       BIGINT NOT NULL,
    learned     BYTEA NOT NULL,
    PRIMARY KEY (tenant, environment)
);
