-- New records, packed.
insert into records (domain_id, report_no, first_record, content) values ($1, $2, $3, $4)
