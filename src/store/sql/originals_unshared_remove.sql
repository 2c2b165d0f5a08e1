-- Removes originals in which no report of their domain came any more. Primary keys; index reports_by_original.
delete from originals where (domain_id, report_no) in (values ($1, $2))
    and not exists (select 1 from reports where reports.domain_id = originals.domain_id
        and reports.report_no = originals.report_no and reports.original_no = originals.report_no)
    and not exists (select 1 from reports where reports.domain_id = originals.domain_id
        and reports.original_no = originals.report_no and reports.original_no <> reports.report_no)
