-- Deletes the runtimes of a language that no source is bound to and that were installed before this one.
delete from runtime r
where r.language = $1
  and r.installed_at < (select of.installed_at from runtime of where of.digest = $2)
  and not exists (select from component c where c.runtime = r.digest)
