-- Format 1. What is asked for by many sessions at once is in columns; what is asked for by span is in `payload`.
-- Times are Unix nanoseconds, money is nano-USD, ids of spans are their 64 bits as a signed number.

-- `sequence`: commits so far. `removed`: spans that a spool's limit cost sessions nobody knows. `indexed`: the last span
-- whose words are found. `prices`: which list of prices calls were last looked at with, `repriced`: up to which span,
-- -1 for all. `purged`, where there is one: the last commit that changed a session that is gone. `faults`, where there
-- is one: the largest number of an error that is gone.
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('sequence', 0), ('removed', 0), ('indexed', 0), ('prices', 0), ('repriced', -1);

CREATE TABLE str (id INTEGER PRIMARY KEY, s TEXT NOT NULL UNIQUE) STRICT;

-- Who recorded. `key` is the encoded resource.
CREATE TABLE process (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE) STRICT;

CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    process INTEGER NOT NULL REFERENCES process,
    project INTEGER NOT NULL REFERENCES str,
    name INTEGER NOT NULL REFERENCES str,
    -- The trace of most of its spans.
    trace BLOB NOT NULL,
    -- The encoded facts: as they were told, and completed from the spans.
    told BLOB,
    facts BLOB NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER,
    state INTEGER NOT NULL,
    end_state INTEGER,
    is_root INTEGER NOT NULL,
    -- The key of the session that it was started in.
    parent BLOB,
    spans INTEGER NOT NULL, open INTEGER NOT NULL, errors INTEGER NOT NULL,
    llm_calls INTEGER NOT NULL, tool_calls INTEGER NOT NULL, dropped INTEGER NOT NULL,
    input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
    reasoning INTEGER NOT NULL, total INTEGER NOT NULL,
    cost INTEGER, partial INTEGER NOT NULL,
    -- JSON: what was lost of it, as it was told.
    losses TEXT NOT NULL DEFAULT '',
    -- JSON: what has no column of its own.
    lists TEXT NOT NULL,
    -- No agent, no model call and no mark of ours: kept, and listed only on request.
    foreign_only INTEGER NOT NULL,
    lost INTEGER NOT NULL DEFAULT 0,
    -- From when on it may be purged; 0 where it is not hidden, -1 once purging it has begun.
    hidden INTEGER NOT NULL DEFAULT 0,
    -- Its sums lag behind its spans.
    stale INTEGER NOT NULL DEFAULT 0,
    -- The commit that changed it last.
    seq INTEGER NOT NULL
) STRICT;
CREATE INDEX session_start ON session (start, id);
CREATE INDEX session_project ON session (project, start, id);
-- Logs name their trace alone.
CREATE INDEX session_trace ON session (trace);
CREATE INDEX session_parent ON session (parent) WHERE parent IS NOT NULL;
CREATE INDEX session_process ON session (process, start);
-- As lists are sorted: what is not known comes last.
CREATE INDEX session_cost ON session (coalesce(cost, -1), id);
CREATE INDEX session_duration ON session (coalesce(end - start, -1), id);
CREATE INDEX session_tokens ON session (total, id);
CREATE INDEX session_spans ON session (spans, id);
CREATE INDEX session_errors ON session (errors, id);
CREATE INDEX session_seq ON session (seq);
CREATE INDEX session_stale ON session (id) WHERE stale;
CREATE INDEX session_hidden ON session (id) WHERE hidden;

-- What a session is found by: a tag, an agent, a model, a tool, an error code, an environment, a version.
CREATE TABLE session_dim (
    session INTEGER NOT NULL, kind INTEGER NOT NULL, dim INTEGER NOT NULL,
    PRIMARY KEY (session, kind, dim)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_dim ON session_dim (kind, dim, session);

CREATE TABLE span (
    id INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    span INTEGER NOT NULL,
    parent INTEGER,
    kind INTEGER NOT NULL,
    status INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    -- What of it the roll-ups hold.
    counted INTEGER NOT NULL,
    name INTEGER NOT NULL REFERENCES str,
    agent INTEGER REFERENCES str,
    model INTEGER REFERENCES str,
    start INTEGER NOT NULL,
    end INTEGER,
    thread INTEGER,
    -- The error's fingerprint.
    error INTEGER REFERENCES fault,
    input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER, reasoning INTEGER, total INTEGER,
    cost INTEGER, tool_cost INTEGER, first_token INTEGER,
    -- Where it is not the session's.
    trace BLOB,
    -- What a model or a tool was asked, as a number that is the same when the same is asked again.
    asked INTEGER
) STRICT;
CREATE UNIQUE INDEX span_key ON span (session, span);
CREATE INDEX span_time ON span (session, start, span);
CREATE INDEX span_unpriced ON span (id) WHERE cost IS NULL AND input IS NOT NULL;
CREATE INDEX span_error ON span (error, start) WHERE error IS NOT NULL;

-- The whole span, as OTLP, compressed; 0 is no dictionary. Its id is the span's.
CREATE TABLE payload (id INTEGER PRIMARY KEY, dict INTEGER NOT NULL, z BLOB NOT NULL) STRICT;
CREATE TABLE dict (id INTEGER PRIMARY KEY, d BLOB NOT NULL) STRICT;

CREATE TABLE log (
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL, span INTEGER NOT NULL, time INTEGER NOT NULL, z BLOB NOT NULL
) STRICT;
CREATE INDEX log_span ON log (session, span);

-- What was lost of sessions that nobody named: which they may be shows when they are read.
CREATE TABLE loss (
    id INTEGER PRIMARY KEY, process INTEGER NOT NULL, time INTEGER NOT NULL, cause TEXT NOT NULL, count INTEGER NOT NULL
) STRICT;
CREATE INDEX loss_process ON loss (process);

-- Errors of one kind: what is the same when it happens again.
CREATE TABLE fault (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, code TEXT NOT NULL, name INTEGER NOT NULL, shape TEXT NOT NULL,
    UNIQUE (kind, code, name, shape)
) STRICT;

-- Sums by hour (period 0) and day (period 1), subtracted from when a session is deleted.
CREATE TABLE roll (
    period INTEGER NOT NULL, at INTEGER NOT NULL, project INTEGER NOT NULL, kind INTEGER NOT NULL, dim INTEGER NOT NULL,
    n INTEGER NOT NULL, errors INTEGER NOT NULL, duration INTEGER NOT NULL,
    input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
    reasoning INTEGER NOT NULL, cost INTEGER NOT NULL, unpriced INTEGER NOT NULL,
    PRIMARY KEY (period, kind, at, project, dim)
) STRICT, WITHOUT ROWID;
CREATE TABLE hist (
    period INTEGER NOT NULL, at INTEGER NOT NULL, project INTEGER NOT NULL, kind INTEGER NOT NULL, dim INTEGER NOT NULL,
    bucket INTEGER NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY (period, kind, at, project, dim, bucket)
) STRICT, WITHOUT ROWID;

-- Which process, by its spool files, spoke in which session, and whether it opened it.
CREATE TABLE voice (
    process TEXT NOT NULL, session BLOB NOT NULL, opened INTEGER NOT NULL, PRIMARY KEY (process, session)
) STRICT, WITHOUT ROWID;

-- How far each spool file was read.
CREATE TABLE spool (file TEXT PRIMARY KEY, offset INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE words USING fts5 (body, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 0');
-- Spans before `indexed` whose words have changed since.
CREATE TABLE unindexed (id INTEGER PRIMARY KEY) STRICT;
