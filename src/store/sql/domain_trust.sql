-- What the owner of a domain has decided about its reports. Primary key.
select report_messages_max, accepted_reporters from domains where domain_id = $1
