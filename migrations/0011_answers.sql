-- What a handler answered is about what it was asked about: who erases the one finds the other.

ALTER TABLE inbox ADD COLUMN answers BLOB; -- the public id of the call that this event answers; NULL: of none
CREATE INDEX inbox_answers ON inbox (answers) WHERE answers IS NOT NULL;
