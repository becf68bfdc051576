-- How many closures stand on this one of a tenant_id, one on another, itself included; $3 at most.
with recursive above as (
    select 1 as height, $2::text as name
    union all
    select above.height + 1, c.name
    from above
    join closure c on c.tenant_id = $1 and c.base = above.name
    where above.height < $3::int
)
select max(height) as "height!" from above
