-- The runtime that takes new sources of a language.
select digest, report from runtime where language = $1 order by installed_at desc limit 1
