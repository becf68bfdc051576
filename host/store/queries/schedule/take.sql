-- Holds a schedule (tenant_id, name) whose moment has come until the transaction ends, where it is still as it was at
-- revision $3. Nothing when somebody else holds it, or its tenant is frozen.
select extract(epoch from next_at)::bigint as "due!", extract(epoch from now())::bigint as "now!", last_run_id
from schedule
where tenant_id = $1 and name = $2 and revision = $3 and next_at <= now()
  and tenant_id not in (select id from tenant where frozen_at is not null)
for update skip locked
