-- +goose Up

-- What was sent to a contact to prove it, and how far asking each person stands
-- whether pages reach them. "body" is the whole as JSON.

CREATE TABLE contact_proofs (
    tenant  TEXT NOT NULL,
    contact TEXT NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (tenant, contact)
);

CREATE TABLE reach_checks (
    tenant TEXT NOT NULL,
    person TEXT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (tenant, person)
);

-- Keys from which codes and signed links follow; hex.
CREATE TABLE signing_keys (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
);
