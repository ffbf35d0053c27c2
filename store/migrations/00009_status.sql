-- +goose Up

-- What status pages are made of: pages, updates of incidents, promises of the
-- next one, maintenance, intervals of components, subscribers. "owner" is the
-- page or the incident that it belongs to; "body" is the whole as JSON.
CREATE TABLE status_records (
    tenant TEXT   NOT NULL,
    kind   TEXT   NOT NULL,
    owner  TEXT   NOT NULL,
    id     TEXT   NOT NULL,
    at     BIGINT NOT NULL,
    body   TEXT   NOT NULL,
    PRIMARY KEY (tenant, kind, owner, id)
);

-- A page's name is its address, and so one for all tenants.
CREATE UNIQUE INDEX status_page_name ON status_records (id) WHERE kind = 'page';
