-- Reports without an id that may be pieces of one text. Index reports_by_piece: an equality would make SQLite go through all
-- reports of the domain instead.
select domain_id, content_key, identity_key, report_no, counted, authenticated, records_kept, partial, sliced, arrivals,
    records, pass + fail, acceptance
from reports where domain_id = $1 and piece_key >= $2 and piece_key <= $2 and piece_key is not null
order by piece_key, report_no limit $3
