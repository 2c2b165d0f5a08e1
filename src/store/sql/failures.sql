-- name: failure_arrived
-- A known failure report came again, perhaps better authenticated. Primary key.
update failure_reports set arrivals = arrivals + $3, authenticated = $4 where domain_id = $1 and report_no = $2

-- name: failure_by_no
-- One failure report. Primary key.
select report_no, happened_at, received_at, authenticated, arrivals, warnings, incidents, source, reported_domain, header_from,
    reporter, failure, delivery, spf, dkim, content, texts
from failure_reports where domain_id = $1 and report_no = $2

-- name: failure_count
-- How many failure_list has in all, up to a number of them. Covering index failure_reports_by_time.
select count(*) as total from (
    select 1 as one from failure_reports where domain_id = $1 and happened_at >= $2 and happened_at < $3
        and ($4 = '' or source = $4)
    limit $5) as up_to

-- name: failure_due_count
-- How many failure reports came before an instant. Covering index failure_reports_by_arrival.
select count(*) as total from failure_reports where domain_id = $1 and received_at < $2

-- name: failure_forget_texts
-- Drops the header fields of all failure reports of a domain. Index failure_reports_by_arrival.
update failure_reports set texts = null where domain_id = $1 and texts is not null

-- name: failure_list
-- A page of failure reports, newest first, from below a place on. The page is found in the covering index
-- failure_reports_by_time, then its rows are read by the primary key: with the sum, SQLite does not walk through that index again.
select report_no, happened_at, received_at, authenticated, arrivals, warnings, incidents, source, reported_domain, header_from,
    reporter, failure, delivery, spf, dkim
from failure_reports where domain_id = $1 and report_no in (
    select report_no from failure_reports where domain_id = $1 and happened_at >= $2
        and (happened_at, report_no) < ($3, $7) and ($4 = '' or source = $4)
    order by happened_at desc, report_no desc limit $5 offset $6)
order by happened_at + 0 desc, report_no desc

-- name: failure_numbers
-- The numbers of all failure reports of a domain from a number on. Primary key.
select report_no from failure_reports where domain_id = $1 and report_no > $2 order by report_no limit $3

-- name: failure_of_policy
-- The numbers of failure reports about a range of names below their domain. Index failure_reports_by_policy.
select report_no
from failure_reports where domain_id = $1 and policy_key >= $2 and policy_key < $3 and policy_key is not null
order by report_no

-- name: failure_old
-- Failure reports that came before an instant. Index failure_reports_by_arrival.
select report_no from failure_reports where domain_id = $1 and received_at < $2 limit $3

-- name: failure_purge
-- Deletes a failure report. Primary key.
delete from failure_reports where domain_id = $1 and report_no = $2

-- name: failure_reread
-- Failure reports by number: to see whether they can be read. Primary key.
select report_no, content_key, authenticated, source, content, texts
from failure_reports where domain_id = $1 and report_no > $2 order by report_no limit $3
