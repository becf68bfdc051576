-- Which of these components the tenant does not have.
select wanted as "digest!"
from unnest($2::bytea[]) as wanted
where not exists (select from component c where c.tenant_id = $1 and c.digest = wanted)
