-- Ends all sessions of a key. Reads the whole table, which has few rows: those who signed in within a day.
delete from sessions where key_id = $1
