-- Dead letters: what was buried or given up can be found by its cause, replayed and dropped.
--
-- A replay moves the row to a new number behind all others, with its attempts counted anew. It stays the same row,
-- with the same public id: so an event that was accepted has one outcome at a time, and never two.
--
-- `cause` is one word to find letters by, beside the sentence in `reason`:
--   failed      the program cannot handle the event
--   gave_up     it was tried as often as it may be
--   too_old     what it waited for took longer than a day
--   unreadable  this version cannot read what was stored
--   crashed     the program panicked on it, or it took the process down
--   refused     Webex does not take the delivery, or the store does not take the turn
--   removed     its bot left before it was handled

ALTER TABLE inbox ADD COLUMN cause TEXT;                        -- why it was last buried, in one word; NULL: it never was
ALTER TABLE inbox ADD COLUMN replays INTEGER NOT NULL DEFAULT 0; -- how often it was replayed
ALTER TABLE inbox ADD COLUMN replayed_at INTEGER;               -- when it was last replayed; NULL: it never was

ALTER TABLE outbox ADD COLUMN cause TEXT;                       -- why it was last given up, in one word
ALTER TABLE outbox ADD COLUMN replays INTEGER NOT NULL DEFAULT 0; -- how often it was replayed
ALTER TABLE outbox ADD COLUMN replayed_at INTEGER;              -- when it was last replayed

-- What died before there was a word for it; the sentences are those of the program that wrote them.
UPDATE inbox SET cause = CASE
        WHEN reason LIKE 'gave up after % in a day%' THEN 'too_old'
        WHEN reason LIKE 'gave up after %' THEN 'gave_up'
        WHEN reason LIKE 'took the process down%' OR reason LIKE 'the program panicked%' THEN 'crashed'
        WHEN reason LIKE 'this version cannot read%' THEN 'unreadable'
        WHEN reason LIKE 'the store refused%' THEN 'refused'
        ELSE 'failed'
    END
WHERE finished_at IS NOT NULL AND state = 3;
UPDATE outbox SET cause = CASE
        WHEN reason LIKE 'given up after %' THEN 'gave_up'
        WHEN reason LIKE 'the stored delivery cannot be read%' THEN 'unreadable'
        ELSE 'refused'
    END
WHERE finished_at IS NOT NULL AND state = 3;
