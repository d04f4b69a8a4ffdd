-- What is pending is found by its key alone (read/due.rs tells how): an index by age besides was two more writes for
-- each event and each delivery, and in a rush a fifth of all pages written. `finished_at` is always NULL here; it is a
-- column so that the index alone answers who is pending.

DROP INDEX inbox_pending;
DROP INDEX inbox_order;
CREATE INDEX inbox_order ON inbox (bot, order_key, seq, finished_at) WHERE finished_at IS NULL;

DROP INDEX outbox_pending;
DROP INDEX outbox_order;
CREATE INDEX outbox_order ON outbox (bot, order_key, seq, finished_at) WHERE finished_at IS NULL;

-- Few rows are calls: who looks for them walks no backlog of messages.
DROP INDEX outbox_calls;
CREATE INDEX outbox_calls ON outbox (bot, order_key, seq, finished_at) WHERE finished_at IS NULL AND lane = 1;
