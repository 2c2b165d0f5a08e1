-- name: report_after
-- Counted reports of a range of instants, oldest first, from a place on: to walk all. Index reports_by_begin.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and counted = 1 and begin_at >= $2 and begin_at < $3
    and (begin_at > $4 or (begin_at = $4 and report_no > $5))
order by begin_at, report_no limit $6

-- name: report_all_after
-- Every report, counted or not, by number: to recount. Primary key.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and report_no > $2 order by report_no limit $3

-- name: report_arrivals
-- Counted reports whose windows begin in a range of seconds and whose records are kept, the newest first: who sent them, and when
-- they came. Index reports_by_begin, and no rows.
select org_key, begin_at, end_at, records_since, pass, fail from reports
where domain_id = $1 and counted = 1 and begin_at >= $2 and begin_at < $3 and records_since is not null
order by begin_at desc limit $4

-- name: report_arrived
-- A known report came again, perhaps better authenticated. Primary key.
update reports set arrivals = arrivals + $5, authenticated = $3, provenance = coalesce($4, provenance), acceptance = $6
where domain_id = $1 and report_no = $2

-- name: report_before
-- Counted reports of a range of instants, newest first, from a place on: to look through. Of those that begin before the
-- range only the ones that reach into it. Index reports_by_begin.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and counted = 1 and begin_at >= $2 and begin_at < $3
    and (begin_at < $4 or (begin_at = $4 and report_no < $5)) and (begin_at >= $7 or end_at >= $7)
order by begin_at desc, report_no desc limit $6

-- name: report_by_no
-- One report. Primary key.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance,
    detail, identity_key, provenance, history
from reports where domain_id = $1 and report_no = $2

-- name: report_by_piece
-- Reports without an id that may be pieces of one text. Index reports_by_piece: an equality would make SQLite go through all
-- reports of the domain instead.
select domain_id, content_key, identity_key, report_no, counted, authenticated, records_kept, partial, sliced, arrivals,
    records, pass + fail as messages, acceptance
from reports where domain_id = $1 and piece_key >= $2 and piece_key <= $2 and piece_key is not null
order by piece_key, report_no limit $3

-- name: report_conflicts
-- The other reports of one identity. Index reports_by_identity.
select report_no
from reports where domain_id = $1 and identity_key = $2 and report_no <> $3 order by report_no

-- name: report_count
-- How many report_list has in all. For a range with up to 100,000 reports. Covering index reports_by_begin.
select count(*) as total from reports where domain_id = $1 and counted = 1 and begin_at >= $2 and begin_at < $3
    and ($4 = '' or org_key = $4)
    and ($5 = -1 or ($5 = 0 and fail = 0 and pass > 0) or ($5 = 1 and pass = 0 and fail > 0)
        or ($5 = 2 and pass > 0 and fail > 0))
    and ($6 = -1 or authenticated = $6)

-- name: report_count_by_acceptance
-- How many report_list_by_acceptance has in all, up to a number of them. Covering index reports_by_acceptance.
select count(*) as total from (
    select 1 as one from reports where domain_id = $1 and acceptance between $7 and $8 and acceptance <> 0
        and begin_at >= $2 and begin_at < $3
        and ($4 = '' or org_key = $4)
        and ($5 = -1 or ($5 = 0 and fail = 0 and pass > 0) or ($5 = 1 and pass = 0 and fail > 0)
            or ($5 = 2 and pass > 0 and fail > 0))
        and ($6 = -1 or authenticated = $6)
    limit $9) as up_to

-- name: report_count_by_org
-- As report_count, for a reporter and any result: without the conditions on the result SQLite takes less time per row.
-- Covering index reports_by_begin.
select count(*) as total from reports where domain_id = $1 and counted = 1 and begin_at >= $2 and begin_at < $3
    and org_key = $4

-- name: report_count_up_to
-- As report_count, but counts up to $7. For a range with more than 100,000 reports: the limit bounds the work, and makes
-- SQLite take twice as long per row. Covering index reports_by_begin.
select count(*) as total from (
    select 1 as one from reports where domain_id = $1 and counted = 1 and begin_at >= $2 and begin_at < $3
        and ($4 = '' or org_key = $4)
        and ($5 = -1 or ($5 = 0 and fail = 0 and pass > 0) or ($5 = 1 and pass = 0 and fail > 0)
            or ($5 = 2 and pass > 0 and fail > 0))
        and ($6 = -1 or authenticated = $6)
    limit $7) as up_to

-- name: report_erase
-- Removes one report; its records go with records_purge. Primary key.
delete from reports where domain_id = $1 and report_no = $2

-- name: report_latest
-- The reports of a domain that came last, counted or not, of those below a number. Primary key.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and report_no < $3 order by report_no desc limit $2

-- name: report_list
-- A page of counted reports, newest window first, from below a place on; filters: org ('' any), result (-1 any), authenticated
-- (-1 any). The page is found in the covering index reports_by_begin, then its rows are read.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and report_no in (
    select report_no from reports where domain_id = $1 and counted = 1 and begin_at >= $2
        and (begin_at, report_no) < ($3, $9)
        and ($4 = '' or org_key = $4)
        and ($5 = -1 or ($5 = 0 and fail = 0 and pass > 0) or ($5 = 1 and pass = 0 and fail > 0)
            or ($5 = 2 and pass > 0 and fail > 0))
        and ($6 = -1 or authenticated = $6)
    order by begin_at desc, report_no desc limit $7 offset $8)
order by begin_at desc, report_no desc

-- name: report_list_by_acceptance
-- A page of reports that the figures do not have, of one kind, newest window first, from below a place on; filters as in
-- report_list. The page is found in the covering index reports_by_acceptance, in its order, then its rows are read.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and report_no in (
    select report_no
    from reports where domain_id = $1 and acceptance = $7 and acceptance <> 0 and begin_at >= $2
        and (begin_at, report_no) < ($3, $10)
        and ($4 = '' or org_key = $4)
        and ($5 = -1 or ($5 = 0 and fail = 0 and pass > 0) or ($5 = 1 and pass = 0 and fail > 0)
            or ($5 = 2 and pass > 0 and fail > 0))
        and ($6 = -1 or authenticated = $6)
    order by begin_at desc, report_no desc limit $8 offset $9)
order by begin_at desc, report_no desc

-- name: report_list_by_id
-- Reports with a report_id of the reporter's, counted or not, among those that begin last in a range, newest window first. These are
-- found in the covering index reports_by_begin, then their rows are read.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and report_id = $4 and report_no in (
    select report_no from reports where domain_id = $1 and counted in (0, 1) and begin_at >= $2 and begin_at < $3
    order by begin_at desc limit $5)
order by begin_at desc, report_no desc limit $6

-- name: report_newest
-- Of a domain's counted reports with windows of at most 25 hours the one whose window ends last, not after $2. Of several
-- the one that begins last, then the one that came last. Such a window ends at most 25 hours after it begins, so that
-- none before those is looked at. Covering index reports_by_begin, but for the row that is found.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and report_no = (
    select report_no from reports
    where domain_id = $1 and counted = 1 and end_at <= $2 and end_at - begin_at <= 90000 and begin_at >= (
        select begin_at - 90000 from reports
        where domain_id = $1 and counted = 1 and end_at <= $2 and end_at - begin_at <= 90000
        order by begin_at desc limit 1
    )
    order by end_at desc, begin_at desc, report_no desc limit 1
)

-- name: report_newest_long
-- As report_newest, of the windows longer than 25 hours. Index reports_by_end.
select report_no, begin_at, end_at, counted, pass, fail, dkim_aligned, spf_aligned, none, quarantine, reject, records,
    received_at, authenticated, arrivals, warnings, partial, org_name, email, report_id, policy, records_kept, acceptance
from reports where domain_id = $1 and counted = 1 and end_at <= $2 and end_at - begin_at > 90000
order by end_at desc, begin_at desc, report_no desc limit 1

-- name: report_original_kept
-- Whether the mail that a report came in is still kept, and the keys of its signatures. Primary keys.
select cast(case when originals.mail_keys is null then 0 else 1 end as bigint) as with_keys
from reports join originals on originals.domain_id = reports.domain_id and originals.report_no = reports.original_no
where reports.domain_id = $1 and reports.report_no = $2

-- name: report_records_purged
-- Notes that a report's records are gone. Primary key.
update reports set records_kept = 0, records_since = null where domain_id = $1 and report_no = $2

-- name: report_restored
-- Notes that the records of a report are there again, and under which number its original is if that came with them.
-- Primary key.
update reports set records_kept = 1, records_since = $3, original_no = coalesce($4, original_no)
where domain_id = $1 and report_no = $2

-- name: report_set_acceptance
-- The owner has decided whether a report may count. Primary key.
update reports set acceptance = $3, history = $4 where domain_id = $1 and report_no = $2

-- name: report_set_counted
-- A conflict was decided otherwise. Primary key.
update reports set counted = $3 where domain_id = $1 and report_no = $2

-- name: report_set_provenance
-- The mail that carried a report was checked again. Primary key.
update reports set authenticated = $3, provenance = $4 where domain_id = $1 and report_no = $2

-- name: report_total
-- How many reports there are. A scan of the smallest index.
select count(*) as total from reports

-- name: report_vouched
-- Counted reports behind a number, of windows that begin since an instant, with records: those that came without an envelope,
-- and those of which the mail passed DMARC for the reporter. What is stored of an envelope begins with its peer. Primary key; of
-- the rows behind the number, most fit.
select report_no, org_key from reports
where domain_id = $1 and report_no > $2 and counted = 1 and records_kept = 1 and begin_at >= $3
    and (provenance is null or provenance not like '{"peer":%' or authenticated = $4)
order by report_no limit $5

-- name: report_uncut
-- The whole text of a report that was cut off came, and says no more. Primary key.
update reports set partial = 0 where domain_id = $1 and report_no = $2

-- name: reports_by_contents
-- Counted reports of a domain by contents, those of a range of keys. Index reports_by_content.
select content_key as known_by, content_key, report_no, sliced
from reports where domain_id = $1 and content_key >= $2 and content_key < $3 and counted = 1

-- name: reports_by_identities
-- Counted reports of a domain by identity, those of a range of keys. Index reports_by_identity.
select identity_key as known_by, content_key, report_no, sliced
from reports where domain_id = $1 and identity_key >= $2 and identity_key < $3 and counted = 1

-- name: reports_held
-- Reports that are held for one reason, in the order of their windows, from a place on. Index
-- reports_by_acceptance.
select report_no, begin_at, org_name, email, received_at, history
from reports where domain_id = $1 and acceptance = $2 and acceptance <> 0 and begin_at >= $3
    and (begin_at > $3 or report_no > $4)
order by begin_at, report_no limit $5

-- name: reports_numbers
-- All reports of a domain, from a number on, and how many records they have. Primary key.
select report_no, records from reports where domain_id = $1 and report_no > $2 order by report_no limit $3

-- name: reports_of_policy
-- Reports with records, about a range of names other than the domain's own, and how many records they have. Index
-- reports_by_policy.
select report_no, records
from reports where domain_id = $1 and policy_key >= $2 and policy_key < $3 and policy_key is not null and records_kept = 1
order by policy_key, report_no
