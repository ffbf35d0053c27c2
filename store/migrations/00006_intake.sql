-- +goose Up

-- What was heard of integrations and heartbeats. "body" is the whole as JSON.
CREATE TABLE intake_sources (
    tenant TEXT NOT NULL,
    kind   TEXT NOT NULL,
    id     TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (tenant, kind, id)
);

CREATE INDEX alerts_standing ON alerts (tenant, id) WHERE ended_at = 0;
