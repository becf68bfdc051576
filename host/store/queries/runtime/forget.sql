-- Deletes the runtimes of a language that no source is bound to, but for this one.
delete from runtime r
where r.language = $1
  and r.digest <> $2
  and not exists (select from component c where c.runtime = r.digest)
