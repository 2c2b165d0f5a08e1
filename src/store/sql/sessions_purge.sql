-- Forgets the sessions that have run out. Index sessions_by_age.
delete from sessions where until_at <= $1
