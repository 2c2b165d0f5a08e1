-- Every original of a domain with its digest (null from an earlier version): to be looked at. Primary key.
select report_no, bytes, digest from originals where domain_id = $1 order by report_no
