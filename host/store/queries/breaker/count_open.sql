-- How many breakers are open, whichever tenant_id they have.
select count(*) as "count!" from breaker where opened_at is not null
