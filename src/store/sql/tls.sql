-- name: tls_arrived
-- A known TLS report came again, perhaps better authenticated. Primary key.
update tls_reports set arrivals = arrivals + $3, authenticated = $4, provenance = coalesce($5, provenance), acceptance = $6
where domain_id = $1 and report_no = $2

-- name: tls_by_no
-- One TLS report. Primary key.
select report_no, begin_at, end_at, counted, acceptance, policies, failing, received_at, authenticated, arrivals, warnings,
    org_name, contact, report_id, policy_domain, provenance, content, identity_key
from tls_reports where domain_id = $1 and report_no = $2

-- name: tls_conflicts
-- The other TLS reports of one identity. Index tls_reports_by_identity; without the last condition, which is always true, SQLite
-- walks through all reports of the domain.
select report_no
from tls_reports where domain_id = $1 and identity_key = $2 and report_no <> $3 and identity_key >= ''
order by report_no

-- name: tls_count
-- How many tls_list has in all, up to a number of them. Covering index tls_reports_by_begin.
select count(*) as total from (
    select 1 as one from tls_reports where domain_id = $1 and counted = $2 and begin_at >= $3 and begin_at < $4
        and ($5 = 0 or failing > 0)
    limit $6) as up_to

-- name: tls_details_due
-- How many TLS reports have details that are older than an instant. Index tls_reports_by_begin.
select count(*) as total from tls_reports where domain_id = $1 and details_since is not null and details_since < $2

-- name: tls_details_old
-- TLS reports whose details are older than an instant. Index tls_reports_by_begin.
select report_no from tls_reports where domain_id = $1 and details_since is not null and details_since < $2 limit $3

-- name: tls_details_purged
-- Drops the details of a TLS report. Primary key.
update tls_reports set details_since = null, content = null where domain_id = $1 and report_no = $2

-- name: tls_details_restored
-- The details of a TLS report came again. Primary key.
update tls_reports set details_since = $3, content = $4 where domain_id = $1 and report_no = $2

-- name: tls_list
-- A page of TLS reports that count or that do not, newest window first, from below a place on. The page is found in the covering
-- index tls_reports_by_begin, then its rows are read.
select report_no, begin_at, end_at, counted, acceptance, policies, failing, received_at, authenticated, arrivals, warnings,
    org_name, contact, report_id, policy_domain
from tls_reports where domain_id = $1 and report_no in (
    select report_no from tls_reports where domain_id = $1 and counted = $2 and begin_at >= $3
        and (begin_at, report_no) < ($4, $8) and ($5 = 0 or failing > 0)
    order by begin_at desc, report_no desc limit $6 offset $7)
order by begin_at desc, report_no desc

-- name: tls_numbers
-- The numbers of all TLS reports of a domain from a number on. Primary key.
select report_no from tls_reports where domain_id = $1 and report_no > $2 order by report_no limit $3

-- name: tls_of_policy
-- The numbers of TLS reports about a range of names below their domain. Index tls_reports_by_policy.
select report_no
from tls_reports where domain_id = $1 and policy_key >= $2 and policy_key < $3 and policy_key is not null
order by report_no

-- name: tls_original
-- The mail that a TLS report came in, if it is still kept. Primary keys.
select originals.unpacked_len, originals.bytes, originals.received_at
from tls_reports join originals
    on originals.domain_id = tls_reports.domain_id and originals.report_no = tls_reports.original_no
where tls_reports.domain_id = $1 and tls_reports.report_no = $2

-- name: tls_recount
-- TLS reports with what their sums are made of, by number: to recount. Primary key.
select report_no, begin_at, end_at, counted, acceptance, policies, failing, org_name, contact, report_id, policy_domain, content,
    content_key
from tls_reports where domain_id = $1 and report_no > $2 order by report_no limit $3

-- name: tls_set_counted
-- Whether a TLS report counts. Primary key.
update tls_reports set counted = $3 where domain_id = $1 and report_no = $2
