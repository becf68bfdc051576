-- A worker begins to beat.
insert into worker (host, slots, lease_ms) values ($1, $2, $3) returning id
