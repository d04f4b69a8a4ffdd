-- What is kept and for how long. Content (payload, envelope, reason) is erased long before its row goes: ids and
-- times stay for those who look. The pass that erases walks the indexes of finished rows that are there already,
-- with a mark of how far it got, so that finishing an event or a send costs nothing more.

ALTER TABLE inbox ADD COLUMN erased_at INTEGER;         -- when its content was erased; NULL: it is there
ALTER TABLE outbox ADD COLUMN erased_at INTEGER;        -- the same of a delivery

-- Which event was accepted under a key: the way from a message that was deleted at Webex to what is stored of it.
-- NULL: of a message that was deleted before it came; its event is not wanted any more.
-- By its public id, which stays the same whatever becomes of the row.
ALTER TABLE seen ADD COLUMN event BLOB;                 -- `inbox.public_id`

-- How far the content of finished rows has been erased. All before is; what finishes later, finishes after it.
CREATE TABLE erased_to (
    part        TEXT PRIMARY KEY,                       -- table and state: `inbox 2`, `outbox 3`, …
    finished_at INTEGER NOT NULL,                       -- of the last row that was looked at
    seq         INTEGER NOT NULL                        -- its number: of several with one moment
) STRICT, WITHOUT ROWID;

-- Events whose content goes as soon as it is not needed any more: their message was deleted, or their person is
-- to be forgotten, while they were in a turn or their deliveries on the way.
CREATE TABLE erase_later (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,            -- the order of asking
    event BLOB NOT NULL UNIQUE,                         -- `inbox.public_id`
    bot   TEXT NOT NULL                                 -- whose
) STRICT;
CREATE INDEX erase_later_bot ON erase_later (bot);
