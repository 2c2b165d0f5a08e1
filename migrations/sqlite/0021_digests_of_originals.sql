-- The first half of the SHA-256 of bytes, so that verify can tell whether they are still what came. Null where an earlier
-- version stored them.
alter table originals add column digest blob;
