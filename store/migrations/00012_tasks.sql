-- +goose Up

-- What people have to do in an incident. "body" is the whole as JSON.

CREATE TABLE incident_tasks (
    id       TEXT PRIMARY KEY,
    tenant   TEXT NOT NULL,
    incident TEXT NOT NULL,
    body     TEXT NOT NULL
);
CREATE INDEX incident_tasks_incident ON incident_tasks (incident, id);
