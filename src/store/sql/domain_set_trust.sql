-- The owner has decided otherwise. Primary key.
update domains set report_messages_max = $2, accepted_reporters = $3 where domain_id = $1
