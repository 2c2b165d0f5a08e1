-- Forgets the sessions that have run out, and those that end later than any can. Reads the whole table, which has few rows:
-- those who signed in within a day.
delete from sessions where until_at <= $1 or until_at > $2
