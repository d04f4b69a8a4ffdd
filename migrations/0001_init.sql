-- The first schema. Rules that hold for every table:
--
-- * STRICT, so that a column holds what it says; times are INTEGER milliseconds since 1970 (UTC).
-- * `bot` is the bot's id as text. The hot tables (inbox, seen, outbox, state, dialogues, timers) have no
--   foreign key to `bots`: each check would cost a look-up per row, and a cascade would delete without bound
--   inside one commit. The writer knows which bots exist, and `forget` removes a bot's rows in bounded steps.
--   The cold tables (definitions, webhooks) do have one, without a cascade: a forgotten table shows as an error.
-- * "Pending" is `finished_at IS NULL` and nothing else. The partial indexes hang on that column and not on
--   `state`, because an UPDATE rewrites every index whose columns it touches: so a claim or a mark touches
--   none (7 microseconds instead of 27), and finished rows are in none of the indexes that work is found by.

-- What the store knows of itself.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,     -- `seal.check`, `probe`
    value BLOB NOT NULL         -- `seal.check`: a known text, sealed, so that a wrong key is seen at open
) STRICT, WITHOUT ROWID;

-- Every bot that was not forgotten, running or not.
CREATE TABLE bots (
    bot          TEXT PRIMARY KEY CHECK (bot <> ''),  -- its id
    definition   TEXT NOT NULL,                       -- the definition it runs; one may serve several bots later
    kinds        INTEGER NOT NULL,                    -- mask of wanted event kinds
    owner        TEXT,                                -- which process last took its lease
    epoch        INTEGER NOT NULL DEFAULT 0,          -- counts its incarnations; only the newest may claim and commit
    token        BLOB,                                -- its token, sealed
    person_id    TEXT,                                -- who it is at Webex, once known
    display_name TEXT,                                -- what people mention
    email        TEXT,                                -- its address
    hold_kind    TEXT,                                -- `parked`, `quarantined`, `paused`, `held`; NULL: not held
    hold_reason  TEXT,                                -- a sentence for people
    hold_since   INTEGER,                             -- since when
    retired_at   INTEGER,                             -- when its definition went away
    created_at   INTEGER NOT NULL                     -- when it was first seen
) STRICT, WITHOUT ROWID;
-- "Does another bot have this identity?", asked once by each bot that starts.
CREATE INDEX bots_person ON bots (person_id) WHERE person_id IS NOT NULL;

-- The last good definition of each bot, so that it stays good across a restart.
CREATE TABLE definitions (
    bot        TEXT PRIMARY KEY REFERENCES bots (bot),  -- whose
    digest     BLOB NOT NULL CHECK (length(digest) = 32), -- SHA-256 of it as written
    source     TEXT NOT NULL,                           -- its files: JSON, made and read by `definition`
    updated_at INTEGER NOT NULL                         -- when it was last put
) STRICT, WITHOUT ROWID;

-- Registrations that we made or are about to make. AUTOINCREMENT: a row number is part of what a secret is
-- sealed to, so it is never used again.
CREATE TABLE webhooks (
    row_id     INTEGER PRIMARY KEY AUTOINCREMENT,       -- row number
    bot        TEXT NOT NULL REFERENCES bots (bot),     -- whose
    resource   TEXT NOT NULL,                           -- `messages`, `memberships`, …
    event      TEXT NOT NULL,                           -- `created`, …
    secret     BLOB NOT NULL,                           -- its secret, sealed; here before Webex hears of it
    webhook_id TEXT,                                    -- its id at Webex, once confirmed
    created_at INTEGER NOT NULL                         -- when it was staged
) STRICT;
CREATE INDEX webhooks_bot ON webhooks (bot);

-- Accepted events.
CREATE TABLE inbox (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,      -- the order of acceptance; never used twice
    public_id   BLOB NOT NULL UNIQUE CHECK (length(public_id) = 16), -- what logs, handlers and people see (UUIDv7)
    bot         TEXT NOT NULL CHECK (bot <> ''),        -- whose
    kind        TEXT NOT NULL,                          -- `messages.created`, …: for people and metrics
    order_key   TEXT NOT NULL CHECK (order_key <> ''),  -- strict order inside a key, parallel across
    class       INTEGER NOT NULL,                       -- 0 interactive, 1 background
    state       INTEGER NOT NULL DEFAULT 0,             -- 0 waiting, 1 claimed, 2 finished, 3 buried
    attempt     INTEGER NOT NULL DEFAULT 0,             -- how often it was claimed
    doubts      INTEGER NOT NULL DEFAULT 0,             -- how many claims were left behind by a dead epoch
    epoch       INTEGER NOT NULL DEFAULT 0,             -- the epoch of the last claim
    due_at      INTEGER NOT NULL,                       -- not before; a retry waits for it
    accepted_at INTEGER NOT NULL,                       -- when it was accepted
    claimed_at  INTEGER,                                -- when it was last claimed
    finished_at INTEGER,                                -- when it was finished or buried; NULL: pending
    reason      TEXT,                                   -- why it last waited, or was buried
    record      TEXT,                                   -- the turn's record: JSON for people, no content, no secrets
    payload     BLOB NOT NULL,                          -- the event in our versioned form
    envelope    BLOB                                    -- the raw webhook, only for definitions that forward it
) STRICT;
CREATE INDEX inbox_pending ON inbox (bot, seq) WHERE finished_at IS NULL;
CREATE INDEX inbox_order ON inbox (bot, order_key, seq) WHERE finished_at IS NULL;
CREATE INDEX inbox_done ON inbox (state, finished_at) WHERE finished_at IS NOT NULL;

-- Keys of events seen, apart from the inbox: they are remembered longer (or shorter) than the events.
CREATE TABLE seen (
    bot   TEXT NOT NULL,                                -- whose
    key   TEXT NOT NULL CHECK (key <> ''),              -- half a SHA-256 of what makes it the same event when it comes again
    until INTEGER NOT NULL,                             -- afterwards the key counts as new
    PRIMARY KEY (bot, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_until ON seen (until);

-- Promised deliveries.
CREATE TABLE outbox (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,      -- the order of promise; never used twice
    public_id   BLOB NOT NULL CHECK (length(public_id) = 16), -- its public id
    bot         TEXT NOT NULL CHECK (bot <> ''),        -- whose
    event       BLOB NOT NULL,                          -- public id of the event it answers
    order_key   TEXT NOT NULL CHECK (order_key <> ''),  -- its destination: one in flight, a waiting head holds it
    class       INTEGER NOT NULL,                       -- 0 interactive, 1 background
    state       INTEGER NOT NULL DEFAULT 0,             -- 0 waiting, 1 sending, 2 sent, 3 failed, 4 skipped
    attempt     INTEGER NOT NULL DEFAULT 0,             -- tries that count; with `epoch` the fence of a mark
    epoch       INTEGER NOT NULL DEFAULT 0,             -- the epoch of the last mark
    doubtful    INTEGER NOT NULL DEFAULT 0,             -- 1: marked again although the try before may have been sent
    due_at      INTEGER NOT NULL,                       -- not before
    created_at  INTEGER NOT NULL,                       -- when the turn promised it
    marked_at   INTEGER,                                -- when its last try left
    finished_at INTEGER,                                -- when it was sent or given up; NULL: pending
    remote_id   TEXT,                                   -- the message's id at Webex
    tracking_id TEXT,                                   -- Webex's TrackingID of the last try
    reason      TEXT,                                   -- why it last waited, or failed
    payload     BLOB NOT NULL                           -- the delivery in our versioned form
) STRICT;
CREATE INDEX outbox_pending ON outbox (bot, seq) WHERE finished_at IS NULL;
CREATE INDEX outbox_order ON outbox (bot, order_key, seq) WHERE finished_at IS NULL;
CREATE INDEX outbox_done ON outbox (state, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX outbox_event ON outbox (event);

-- A bot's memory: values under keys.
CREATE TABLE state (
    bot        TEXT NOT NULL,                           -- whose
    scope      TEXT NOT NULL,                           -- `bot`, `room:ID`, `person:ID`
    key        TEXT NOT NULL,                           -- the key
    version    INTEGER NOT NULL,                        -- how often it was changed
    value      TEXT,                                    -- JSON; NULL: expired
    expires_at INTEGER,                                 -- when it is forgotten; NULL: never
    PRIMARY KEY (bot, scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX state_expires ON state (expires_at) WHERE expires_at IS NOT NULL;

-- A bot's memory of one person in one room.
CREATE TABLE dialogues (
    bot     TEXT NOT NULL,                              -- whose
    room    TEXT NOT NULL,                              -- room id
    person  TEXT NOT NULL,                              -- person id
    version INTEGER NOT NULL,                           -- how often it was changed; goes on after an end
    value   TEXT,                                       -- where it stands: JSON; NULL: ended
    until   INTEGER NOT NULL,                           -- when it lapses, or ended
    PRIMARY KEY (bot, room, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX dialogues_until ON dialogues (until);

-- Events that come to a bot later.
CREATE TABLE timers (
    bot        TEXT NOT NULL,                           -- whose
    name       TEXT NOT NULL,                           -- setting the same name again replaces it
    due_at     INTEGER NOT NULL,                        -- when
    order_key  TEXT NOT NULL CHECK (order_key <> ''),   -- what its event keeps its order with
    payload    BLOB NOT NULL,                           -- the event in our versioned form
    created_at INTEGER NOT NULL,                        -- when it was set
    PRIMARY KEY (bot, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due_at);
