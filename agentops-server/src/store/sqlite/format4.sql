-- Format 4: spans by when they began, for sums of a time that begins or ends in the midst of an hour.
CREATE INDEX span_start ON span (start);
