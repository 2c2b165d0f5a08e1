-- The number of the last transaction that wrote, for the mark beside the file (store/mark.rs).
insert into counters (name, value) values ('commits', 0);

-- acceptance: 3 is held, a day would have more addresses than the limit; 4 is held, who its mail is from is checked again;
-- 5 is discounted and 6 accepted by the owner.
update reports set acceptance = acceptance + 2 where acceptance >= 3;
