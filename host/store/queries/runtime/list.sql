-- Every runtime, the current one of each language first.
select
    r.digest,
    r.language,
    r.report,
    iso8601(r.installed_at) as "installed_at!",
    row_number() over (partition by r.language order by r.installed_at desc) = 1 as "is_current!"
from runtime r
order by r.language, r.installed_at desc
