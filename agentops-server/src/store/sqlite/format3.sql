-- Format 3: sessions that were deleted and are gone, so that what still comes of them does not bring them back; `at` is
-- when something of them last came.
CREATE TABLE gone (key BLOB PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
