-- +goose Up

-- Alerts, incidents, pages, messages and the ledger. "body" is the whole as
-- JSON; the columns beside it are what is asked for, and where both say
-- something the column is right. A "wake_at" of 0 means that nothing comes of
-- time alone.

CREATE TABLE alerts (
    id         TEXT PRIMARY KEY,
    tenant     TEXT NOT NULL,
    fate       TEXT NOT NULL,
    ended_at   BIGINT NOT NULL,
    wake_at    BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    body       TEXT NOT NULL
);
CREATE INDEX alerts_tenant ON alerts (tenant, id);
CREATE INDEX alerts_wake ON alerts (wake_at) WHERE wake_at > 0;
CREATE INDEX alerts_ended ON alerts (ended_at) WHERE ended_at > 0;

CREATE TABLE incident_alerts (
    incident TEXT NOT NULL,
    alert    TEXT NOT NULL,
    tenant   TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (incident, alert)
);

CREATE TABLE incidents (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    number      BIGINT NOT NULL,
    environment TEXT NOT NULL,
    state       TEXT NOT NULL,
    severity    BIGINT NOT NULL,
    assignee    TEXT NOT NULL,
    grp         TEXT NOT NULL,
    merged_into TEXT NOT NULL,
    resolved_at BIGINT NOT NULL,
    wake_at     BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    revision    BIGINT NOT NULL,
    place       BYTEA NOT NULL,
    search      TEXT NOT NULL,
    body        TEXT NOT NULL
);
CREATE INDEX incidents_tenant ON incidents (tenant, id);
CREATE UNIQUE INDEX incidents_number ON incidents (tenant, number);
-- The promise that at most one incident of a group is not resolved.
CREATE UNIQUE INDEX incidents_standing ON incidents (tenant, grp) WHERE state <> 'resolved' AND grp <> '';
CREATE INDEX incidents_group ON incidents (tenant, grp, id) WHERE grp <> '';
CREATE INDEX incidents_place ON incidents (tenant, place, environment, state, severity, assignee, search);
CREATE INDEX incidents_wake ON incidents (wake_at) WHERE wake_at > 0;
CREATE INDEX incidents_resolved ON incidents (resolved_at) WHERE state = 'resolved';

CREATE TABLE pages (
    id        TEXT PRIMARY KEY,
    tenant    TEXT NOT NULL,
    incident  TEXT NOT NULL,
    recipient TEXT NOT NULL,
    state     TEXT NOT NULL,
    begun_at  BIGINT NOT NULL,
    body      TEXT NOT NULL
);
CREATE INDEX pages_incident ON pages (incident, begun_at);
CREATE INDEX pages_open ON pages (tenant, begun_at, recipient) WHERE state = 'open';

CREATE TABLE messages (
    id          TEXT PRIMARY KEY,
    tenant      TEXT NOT NULL,
    incident    TEXT NOT NULL,
    page        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    channel     TEXT NOT NULL,
    contact     TEXT NOT NULL,
    state       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    tries       BIGINT NOT NULL,
    uncertain   BIGINT NOT NULL,
    next_at     BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL,
    sent_at     BIGINT NOT NULL,
    thread      TEXT NOT NULL,
    told_by     TEXT NOT NULL,
    body        TEXT NOT NULL
);
CREATE INDEX messages_unsent ON messages (tenant, channel, next_at) WHERE state IN ('due', 'sending');
CREATE INDEX messages_incident ON messages (incident, sent_at) WHERE incident <> '';
CREATE INDEX messages_page ON messages (page) WHERE page <> '';
CREATE INDEX messages_told ON messages (told_by) WHERE told_by <> '';
CREATE INDEX messages_digest ON messages (tenant, id) WHERE incident = '';

-- Only ever added to, until it is pruned with its incident.
CREATE TABLE ledger (
    tenant   TEXT NOT NULL,
    id       TEXT NOT NULL,
    at       BIGINT NOT NULL,
    kind     TEXT NOT NULL,
    reason   TEXT NOT NULL,
    by_name  TEXT NOT NULL,
    incident TEXT NOT NULL,
    alert    TEXT NOT NULL,
    page     TEXT NOT NULL,
    message  TEXT NOT NULL,
    person   TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ledger_incident ON ledger (incident, id) WHERE incident <> '';
CREATE INDEX ledger_alert ON ledger (alert, id) WHERE alert <> '';

CREATE TABLE contacts (
    tenant TEXT NOT NULL,
    id     TEXT NOT NULL,
    person TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE policies (
    tenant TEXT NOT NULL,
    id     TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
);
