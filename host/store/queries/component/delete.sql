-- Deletes a component that no flow version pins.
delete from component c
where c.tenant_id = $1
  and c.digest = $2
  and not exists (
      select from flow_version_component v where v.tenant_id = c.tenant_id and v.digest = c.digest
  )
