-- An original, if the domain has it not. Primary key.
insert into originals (domain_id, report_no, received_at, bytes) values ($1, $2, $3, $4)
on conflict (domain_id, report_no) do nothing
