-- The operator's pause, apart from `hold_*`: what else keeps a bot down comes and goes, this stays until it is lifted.
ALTER TABLE bots ADD COLUMN paused_at INTEGER;          -- since when; NULL: not paused
ALTER TABLE bots ADD COLUMN paused_by TEXT;             -- who said so
-- Besides, `meta` may hold `backup` (in a copy alone: what it is a copy of), `house.restored` and `house.paused` (why
-- no bot works, until `resume --all`), and `restored.through`: the newest event that stood in the backup put back last.
