-- Calls of handlers are promised like messages: rows of the outbox, with the same attempts, dead letters and retention.
-- The lane says who works them off. Their order keys are their own: a call never holds a message up, nor the reverse.

ALTER TABLE outbox ADD COLUMN lane INTEGER NOT NULL DEFAULT 0; -- 0: to Webex, by the api; 1: a call, by the runner
-- Few rows are calls: who looks for them walks no backlog of messages.
CREATE INDEX outbox_calls ON outbox (bot, seq) WHERE finished_at IS NULL AND lane = 1;
