-- One row while the copy of another database into this one is not finished (store/copy.rs). state: what the other held.
create table copies (
    state text not null primary key
) without rowid;
