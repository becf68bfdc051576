-- What is compiled of a component; of a source what its runtime runs.
select
    case when runtime is null then bytes end as bytes,
    runtime,
    program,
    offers
from component
where tenant_id = $1 and digest = $2
