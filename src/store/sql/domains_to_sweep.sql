-- Domains that may have evidence without records. A scan.
select domain_id from domains where evidence_due <> 0 order by domain_id
