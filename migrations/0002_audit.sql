-- Who changed what, and when: one row for each act of a person, or of the house where a person will ask for it later.
-- A row is written in the transaction of what it tells, and never changed.
CREATE TABLE audit (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,          -- the order of acts
    at      INTEGER NOT NULL,                           -- when
    who     TEXT NOT NULL CHECK (who <> ''),            -- `house:bots.d`, `admin:alice@host`, `cli:alice@host`
    act     TEXT NOT NULL CHECK (act <> ''),            -- `token_set`, `replay`, …
    bot     TEXT,                                       -- whose; NULL: of several, or of none
    subject TEXT NOT NULL,                              -- to what: an id, a digest, a selection; neither content nor secret
    rows    INTEGER NOT NULL,                           -- how many rows it concerned
    note    TEXT                                        -- what else a reader should know
) STRICT;
CREATE INDEX audit_bot ON audit (bot, seq) WHERE bot IS NOT NULL;
CREATE INDEX audit_at ON audit (at);
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'a row of the audit is never changed');
END;
