-- +goose Up

-- What people wrote about incidents. "body" is the whole as JSON. A document
-- stays when its incident is pruned: it is what was learnt.
CREATE TABLE review_documents (
    incident    TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    number      BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    body        TEXT NOT NULL
);
CREATE INDEX review_documents_number ON review_documents (tenant, number DESC);
