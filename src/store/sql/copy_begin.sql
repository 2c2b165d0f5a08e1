-- Notes that a copy has begun, of a database in this state.
insert into copies (state) values ($1)
