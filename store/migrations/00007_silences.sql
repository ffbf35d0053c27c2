-- +goose Up

-- What keeps alerts from paging for a while. "body" is the whole as JSON.
CREATE TABLE silences (
    id      TEXT PRIMARY KEY,
    tenant  TEXT NOT NULL,
    ends_at BIGINT NOT NULL,
    body    TEXT NOT NULL
);
CREATE INDEX silences_tenant ON silences (tenant, ends_at);
CREATE INDEX silences_ends ON silences (ends_at);
