-- How many keys each bot's memory has, counted where they come and go: so a bot that makes a key of everything it
-- hears can be stopped without counting its keys in every turn. A change of a key that is there touches none of this.
CREATE TABLE state_keys (
    bot  TEXT PRIMARY KEY,                              -- whose
    keys INTEGER NOT NULL                               -- rows of `state`, also of keys that expired and are not pruned
) STRICT, WITHOUT ROWID;

INSERT INTO state_keys (bot, keys) SELECT bot, count(*) FROM state GROUP BY bot;

CREATE TRIGGER state_key_made AFTER INSERT ON state BEGIN
    INSERT INTO state_keys (bot, keys) VALUES (new.bot, 1) ON CONFLICT (bot) DO UPDATE SET keys = keys + 1;
END;

CREATE TRIGGER state_key_gone AFTER DELETE ON state BEGIN
    UPDATE state_keys SET keys = keys - 1 WHERE bot = old.bot;
END;
