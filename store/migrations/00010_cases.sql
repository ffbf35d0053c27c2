-- +goose Up

-- What belongs to one trouble, and what was thought of it. "body" is the whole
-- as JSON.
CREATE TABLE cases (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    environment TEXT NOT NULL,
    state       TEXT NOT NULL,
    judged      BIGINT  NOT NULL,
    ended_at    BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    place       BYTEA NOT NULL,
    body        TEXT NOT NULL
);
CREATE INDEX cases_place ON cases (tenant, place);
CREATE INDEX cases_state ON cases (tenant, state, ended_at);
CREATE INDEX cases_judged ON cases (tenant, judged, ended_at);
CREATE INDEX cases_ended ON cases (ended_at);

-- The findings that are or were part of each.
CREATE TABLE case_findings (
    finding_id TEXT NOT NULL,
    case_id    TEXT NOT NULL,
    PRIMARY KEY (finding_id, case_id)
);
CREATE INDEX case_findings_case ON case_findings (case_id);

CREATE TABLE case_events (
    id      TEXT PRIMARY KEY,
    case_id TEXT NOT NULL,
    tenant  TEXT NOT NULL,
    at      BIGINT NOT NULL,
    body    TEXT NOT NULL
);
CREATE INDEX case_events_case ON case_events (case_id, id);

-- The whole graph of now is read for them.
CREATE INDEX relation_versions_now ON relation_versions (tenant, environment, valid_to);
