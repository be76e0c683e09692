-- Format 6: an index of words of our own, in segments of some spans each, which is made anew of the spans. `last` and
-- `first` are rows of spans; what is not ready is being made, which its level says, or removed. Its number is given to no
-- other: whoever makes it, and finds it no more, makes it no longer. What a segment says is in `segment.rs`.
DROP TABLE words;
DELETE FROM unindexed;
UPDATE meta SET value = 0 WHERE key = 'indexed';
CREATE TABLE segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    level INTEGER NOT NULL,
    ready INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    spans INTEGER NOT NULL
) STRICT;
CREATE INDEX segment_last ON segment (last);
CREATE INDEX segment_unready ON segment (id) WHERE NOT ready;
-- Some of a segment, from a term and a span on.
CREATE TABLE block (
    id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, term BLOB NOT NULL, row INTEGER NOT NULL, z BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX block_place ON block (segment, term, row);
-- Spans that a segment knows by words that they have no more; `gone` where the words have to leave it.
CREATE TABLE dropped (
    segment INTEGER NOT NULL, row INTEGER NOT NULL, gone INTEGER NOT NULL, PRIMARY KEY (segment, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX dropped_gone ON dropped (segment) WHERE gone;
