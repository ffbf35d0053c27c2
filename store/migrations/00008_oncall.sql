-- +goose Up

-- Who is on call. "body" is the whole as JSON.

CREATE TABLE schedules (
    tenant   TEXT NOT NULL,
    id       TEXT NOT NULL,
    revision BIGINT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE overrides (
    tenant   TEXT NOT NULL,
    id       TEXT NOT NULL,
    schedule TEXT NOT NULL,
    ends_at  BIGINT NOT NULL,
    body     TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX overrides_end ON overrides (tenant, ends_at);

-- Calendars that programs ask for with a token, of which only the hash is kept.
CREATE TABLE oncall_feeds (
    tenant  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    of_id   TEXT NOT NULL,
    hash    TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, of_id)
);
CREATE UNIQUE INDEX oncall_feeds_hash ON oncall_feeds (hash);
