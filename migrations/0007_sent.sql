-- Messages that a bot sent and may have to find again: those with a key, which later ones change, and those with a
-- card, whose presses get back the context that was sent along. Others leave no row here.
--
-- It is memory of the bot, not a copy of what was said: it is kept until `until`, whatever is kept of content, and
-- not for as long as rows of deliveries are.

CREATE TABLE sent (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,        -- row number: the order in which they were first sent
    bot       TEXT NOT NULL CHECK (bot <> ''),          -- whose
    remote_id TEXT NOT NULL CHECK (remote_id <> ''),    -- the message's id at Webex
    delivery  BLOB NOT NULL,                            -- public id of the delivery that last made it what it is
    order_key TEXT NOT NULL CHECK (order_key <> ''),    -- its destination, as in `outbox`
    room      TEXT,                                     -- the room it stands in, as Webex said; an edit must name it
    person    TEXT,                                     -- id or address, when it was sent to a person
    key_mark  TEXT,                                     -- mark of its key; NULL: it has none, or a newer message has it
    key       TEXT,                                     -- its key; NULL: it has none, or it was erased
    context   TEXT,                                     -- what its reply gave along: JSON; NULL: nothing, or erased
    parent    TEXT,                                     -- root of the thread it stands in
    rule      TEXT NOT NULL,                            -- the rule that promised it, by its label
    edits     INTEGER NOT NULL DEFAULT 0,               -- how often it was edited; Webex takes ten
    until     INTEGER NOT NULL,                         -- afterwards it is not known any more
    UNIQUE (bot, remote_id)
) STRICT;
CREATE INDEX sent_key ON sent (bot, key_mark) WHERE key_mark IS NOT NULL;
CREATE INDEX sent_delivery ON sent (delivery);
CREATE INDEX sent_until ON sent (until);

-- The mark of the key under which a delivery takes the place of those before it that still wait; NULL: it takes
-- nobody's place, and nobody takes its.
ALTER TABLE outbox ADD COLUMN key_mark TEXT;
