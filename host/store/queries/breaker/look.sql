-- Before a call goes out: whether the claim $2 to $7 that it is made under holds (of tenant_id; worker $7 null: on a compensation), and
-- whether the breaker of the origin $8 is open.
select
    (
        exists (
            select
            from token k
            join worker w on w.id = k.worker_id
            where k.tenant_id = $1 and k.run_id = $2 and k.born_step = $3 and k.born_index = $4 and k.born_attempt = $5
              and k.epoch = $6 and k.worker_id = $7 and w.lost_at is null
        ) or exists (
            select
            from compensation c
            where c.tenant_id = $1 and c.run_id = $2 and c.epoch = $6 and c.due_at > now() and $7::int is null
        )
    ) as "is_held!",
    exists (select from breaker where tenant_id = $1 and origin = $8 and opened_at is not null) as "is_open!"
