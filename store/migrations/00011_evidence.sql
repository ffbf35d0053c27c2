-- +goose Up

-- The figures of an incident, as they were when it opened and over the whole of
-- it. They are deleted with it.
CREATE TABLE incident_evidence (
    incident TEXT   NOT NULL,
    stage    TEXT   NOT NULL,
    tenant   TEXT   NOT NULL,
    taken_at BIGINT NOT NULL,
    body     TEXT   NOT NULL,
    PRIMARY KEY (incident, stage)
);
