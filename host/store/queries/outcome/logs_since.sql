-- What the attempts of a run wrote after ($4, $5, $6, $7, $8), in the order of recording. Of a live run only what no open
-- transaction can still precede, so that a reader that goes on after the last row misses nothing; once a run has ended
-- nothing can come any more.
select l.xid::text::bigint as "xid!", l.step, l.index, l.phase, l.attempt, l.lines
from attempt_log l
where l.tenant_id = $1 and l.run_id = $2
  and ($3::smallint is null or l.step = $3)
  and (l.xid, l.step, l.index, l.phase, l.attempt)
      > ($4::text::xid8, $5::smallint, $6::int, $7::smallint, $8::smallint)
  and (
      l.xid < pg_snapshot_xmin(pg_current_snapshot())
      or exists (select from run r where r.tenant_id = $1 and r.id = $2 and r.ended_at is not null)
  )
order by l.xid, l.step, l.index, l.phase, l.attempt
limit $9
