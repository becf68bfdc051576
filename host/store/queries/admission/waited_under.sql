-- Which of these keys (tenant_id, key) somebody waits under.
select a.tenant_id as "tenant_id!", a.key as "key!"
from (select distinct tenant_id, key from unnest($1::int[], $2::text[]) as a (tenant_id, key)) as a
where exists (select from token t where t.tenant_id = a.tenant_id and t.key = a.key and t.gate = 'key')
