-- How many outcomes each tenant_id has.
select tenant_id, count(*) from outcome group by tenant_id
