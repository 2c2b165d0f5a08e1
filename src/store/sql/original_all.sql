-- Every mail of a domain, as it is stored, to be verified. Primary key.
select report_no, digest, unpacked_len, bytes from originals where domain_id = $1 order by report_no
