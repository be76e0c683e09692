-- Format 2: sums over time in one row each, with how long things took and how long models took to their first token as
-- how many fell into each bucket, written by `rolls`. They are made anew from the spans.
DROP TABLE hist;
DROP TABLE roll;
CREATE TABLE roll (
    period INTEGER NOT NULL, kind INTEGER NOT NULL, at INTEGER NOT NULL, project INTEGER NOT NULL, dim INTEGER NOT NULL,
    n INTEGER NOT NULL, errors INTEGER NOT NULL, duration INTEGER NOT NULL,
    input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
    reasoning INTEGER NOT NULL, cost INTEGER NOT NULL, unpriced INTEGER NOT NULL,
    times BLOB NOT NULL, first BLOB NOT NULL,
    PRIMARY KEY (period, kind, at, project, dim)
) STRICT, WITHOUT ROWID;
UPDATE span SET counted = 0 WHERE counted <> 0;
UPDATE session SET stale = 1 WHERE NOT stale;

-- Changes of these sums that are not added to them yet, one row a commit.
CREATE TABLE roll_change (id INTEGER PRIMARY KEY, z BLOB NOT NULL) STRICT;

-- Errors are counted in the index alone. A session is looked for among its own words.
DROP INDEX span_error;
CREATE INDEX span_error ON span (error, start, session) WHERE error IS NOT NULL;
DROP INDEX session_by_dim;

-- Each word is rewritten whenever segments are merged: fewer and larger ones. What one transaction brings is one.
INSERT INTO words (words, rank) VALUES ('automerge', 16), ('crisismerge', 64), ('hashsize', 16777216), ('pgsz', 8050);
