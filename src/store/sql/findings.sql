-- name: finding_begun
-- What began from $2 to before $3 and is not snoozed at $4, but for the kind $5, the newest first, each with the number of all.
-- One range of the primary key.
select domain_id, finding_no, kind, subject, is_open, opened_at, ended_at, told_at, detail, data, snoozed_until,
    snoozed_by, snoozed_at, snooze_note, count(*) over () as total
from findings
where domain_id = $1 and opened_at >= $2 and opened_at < $3 and (is_open = 1 or ended_at is not null)
    and (is_open = 0 or coalesce(snoozed_until, 0) <= $4) and kind <> $5
order by finding_no desc limit $6

-- name: finding_by_no
-- One finding. Primary key.
select domain_id, finding_no, kind, subject, is_open, opened_at, ended_at, told_at, detail, data, snoozed_until,
    snoozed_by, snoozed_at, snooze_note
from findings where domain_id = $1 and finding_no = $2

-- name: finding_forget
-- Forgets findings that ended, and were told of, before an instant. What never began is what later states are compared with. One
-- range of the primary key.
delete from findings
where domain_id = $1 and is_open = 0 and told_at < $2 and (told_at > 0 or ended_at is not null) and coalesce(ended_at, 0) < $2

-- name: finding_list
-- Everything that rules found about a domain, in order of its begin. One range of the primary key.
select domain_id, finding_no, kind, subject, is_open, opened_at, ended_at, told_at, detail, data, snoozed_until,
    snoozed_by, snoozed_at, snooze_note
from findings where domain_id = $1 order by finding_no

-- name: finding_page
-- What began, below a number, the newest first; filters: kind and state (-1 any), at an instant. One range of the primary key.
select domain_id, finding_no, kind, subject, is_open, opened_at, ended_at, told_at, detail, data, snoozed_until,
    snoozed_by, snoozed_at, snooze_note
from findings
where domain_id = $1 and finding_no < $2 and (is_open = 1 or ended_at is not null)
    and ($3 = -1 or kind = $3)
    and ($4 = -1 or ($4 = 2 and is_open = 0)
        or ($4 = 0 and is_open = 1 and coalesce(snoozed_until, 0) <= $5)
        or ($4 = 1 and is_open = 1 and coalesce(snoozed_until, 0) > $5))
order by finding_no desc limit $6

-- name: finding_rejudge
-- Lets the next run of the rules look at a domain. Index findings_by_subject.
update findings set opened_at = 0 where domain_id = $1 and kind = 0

-- name: finding_snooze
-- Silences a finding until an instant. Primary key.
update findings set snoozed_until = $3, snoozed_by = $4, snoozed_at = $5, snooze_note = $6
where domain_id = $1 and finding_no = $2

-- name: finding_snoozed
-- The open findings of a domain that are snoozed at an instant. Index findings_snoozed.
select domain_id, finding_no, kind, subject, is_open, opened_at, ended_at, told_at, detail, data, snoozed_until,
    snoozed_by, snoozed_at, snooze_note
from findings where domain_id = $1 and snoozed_until > $2 and snoozed_until is not null and is_open = 1

-- name: finding_wake
-- Ends the silence of a finding early; who wanted it stays known. Primary key.
update findings set snoozed_until = $3 where domain_id = $1 and finding_no = $2 and snoozed_until > $3
