-- Format 5: until when a session waits for the span that all of it ran in; 0 where it does not. Whether a log may be
-- another session's, of the trace that is its session's id (1) or its session's (2): it named that alone, and its span
-- had not come.
ALTER TABLE session ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN astray INTEGER NOT NULL DEFAULT 0;
CREATE INDEX session_waits ON session (waits) WHERE waits <> 0;
-- Which names sessions have.
CREATE INDEX session_name ON session (name);
