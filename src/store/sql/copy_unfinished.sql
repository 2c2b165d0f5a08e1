-- The state of the database whose copy is not finished, if there is one. At most one row.
select state from copies
