-- Notes that the copy is finished. At most one row.
delete from copies
