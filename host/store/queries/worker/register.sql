-- A worker begins to beat.
insert into worker (host, slots) values ($1, $2) returning id
