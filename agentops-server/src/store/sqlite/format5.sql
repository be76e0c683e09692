-- Format 5: until when a session waits for the span that all of it ran in; 0 where it does not.
ALTER TABLE session ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
CREATE INDEX session_waits ON session (waits) WHERE waits <> 0;
