-- Forgets the sessions that have run out, and those that end later than any can. Index sessions_by_age.
delete from sessions where until_at <= $1 or until_at > $2
