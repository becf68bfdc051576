-- Map tasks in some ranges that have been tried: for each (tenant_id, run, step) those with an index in lo..hi.
select a.run_id as "run_id!", a.step as "step!", a.index as "index!", a.ended as "ended!"
from unnest($1::int[], $2::uuid[], $3::smallint[], $4::int[], $5::int[]) as n (tenant_id, run_id, step, lo, hi)
cross join lateral (
    select o.run_id, o.step, o.index, true as ended from outcome o
    where o.tenant_id = n.tenant_id and o.run_id = n.run_id and o.step = n.step
      and o.index >= n.lo and o.index < n.hi
    union all
    select t.run_id, t.step, t.index, false as ended from attempt t
    where t.tenant_id = n.tenant_id and t.run_id = n.run_id and t.step = n.step
      and t.index >= n.lo and t.index < n.hi
) as a
