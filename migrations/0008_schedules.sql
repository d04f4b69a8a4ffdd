-- Where each schedule of a bot stands. A run is accepted into the inbox in the commit that moves its row on: so it
-- runs once, whatever stops in between.
CREATE TABLE schedules (
    bot     TEXT NOT NULL,                              -- whose
    name    TEXT NOT NULL CHECK (name <> ''),           -- its name in the definition
    plan    TEXT NOT NULL,                              -- its expression and zone as one text; another one begins anew
    through INTEGER NOT NULL,                           -- all runs planned up to this moment are dealt with
    PRIMARY KEY (bot, name)
) STRICT, WITHOUT ROWID;
