-- Tenants as operators see them: frozen, deleted, watched, and kept apart by Postgres too.

alter table tenant
    -- Since when nothing of it is changed or run; what there is can be looked at.
    add column frozen_at   timestamptz,
    -- Since when it is gone for everybody but whoever clears it away. Frozen too, so that nothing of it is claimed.
    add column deleting_at timestamptz,
    add constraint tenant_is_frozen_while_it_goes check (deleting_at is null or frozen_at is not null);
create index tenant_frozen on tenant (id) where frozen_at is not null;
create index tenant_deleting on tenant (deleting_at) where deleting_at is not null;

-- What a person calls it.
alter table api_key add column label text;
create index api_key_of_tenant on api_key (tenant_id, id);

-- Who changed what may run, or who may do what. One chain: each entry is sealed with the one before it.
create table audit (
    number          bigint primary key,
    -- The tenant it concerns, and its name then; it may be gone since. Null: it concerns the host.
    tenant_id       int,
    at              timestamptz not null,
    tenant_name     text,
    -- The id of a key, or `operator at the database`.
    actor           text not null,
    action          text not null,
    subject         text not null,
    -- JSON, never with a secret.
    detail          text not null,
    previous_sha256 bytea not null,
    sha256          bytea not null
);
create index audit_of_tenant on audit (tenant_id, number) where tenant_id is not null;

create function audit_refuses() returns trigger
    language plpgsql
as $$
begin
    raise exception 'the audit log is only appended to' using errcode = 'insufficient_privilege';
end
$$;
create trigger audit_is_append_only before update or delete or truncate on audit
    for each statement execute function audit_refuses();
-- For replicas and restores, too.
alter table audit enable always trigger audit_is_append_only;

-- Appends an entry to the audit log, in the caller's transaction. The lock is held until that ends, so this is the last
-- thing a transaction does. The seal is the sha256 of the fields as netstrings: `<bytes>:<text>,` one after another.
create function audit_append(of_tenant int, actor text, action text, subject text, detail text) returns void
    language plpgsql security definer
as $$
declare
    head  record;
    named text;
    entry audit;
begin
    perform pg_advisory_xact_lock(8388607001);
    select number, sha256 into head from audit order by number desc limit 1;
    select name into named from tenant where id = of_tenant;
    entry.number := coalesce(head.number, 0) + 1;
    entry.tenant_id := of_tenant;
    entry.at := clock_timestamp();
    entry.tenant_name := named;
    entry.actor := actor;
    entry.action := action;
    entry.subject := subject;
    entry.detail := detail;
    entry.previous_sha256 := coalesce(head.sha256, sha256(''));
    select sha256(convert_to(string_agg(octet_length(field) || ':' || field || ',', '' order by place), 'UTF8'))
    into entry.sha256
    from unnest(array[
        entry.number::text, iso8601(entry.at), coalesce(of_tenant::text, ''), coalesce(named, ''), actor, action, subject,
        detail, encode(entry.previous_sha256, 'hex')
    ]) with ordinality as fields (field, place);
    insert into audit select entry.*;
end
$$;
revoke execute on function audit_append(int, text, text, text, text) from public;

-- The second net: the role the API's statements about a tenant run under sees and changes the rows of one tenant only, that of
-- the setting `stepcell.tenant_id`, whatever a statement forgets to say. Every other role sees what its grants say.
-- True when the net is there. What is not done yet is done, for tables that came later too; where the role cannot be made, a
-- superuser makes it: `create role stepcell_api nologin; grant stepcell_api to <the role Stepcell connects as>`.
create function keep_tenants_apart() returns bool
    language plpgsql
as $$
declare
    kept   record;
    may    text;
    place  text := current_schema();
    lacks  constant text := 'the second net between tenants is missing: %';
begin
    -- Hosts that start together do it one after another.
    perform pg_advisory_xact_lock(8388607002);
    begin
        if not exists (select from pg_roles where rolname = 'stepcell_api') then
            create role stepcell_api nologin;
        end if;
        if not pg_has_role('stepcell_api', 'member') then
            execute format('grant stepcell_api to %I', current_user);
        end if;
    exception
        -- Another database of this cluster made it in this moment.
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then
            raise notice using message = format(lacks, sqlerrm);
            return false;
    end;
    for kept in
        select c.relname::text as name,
            case c.relname when 'tenant' then 'id' else 'tenant_id' end as owner
        from pg_class c
        where c.relnamespace = place::regnamespace and c.relkind in ('r', 'p')
          and (c.relname = 'tenant' or exists (
              select from pg_attribute a
              where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
          ))
          and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'one_tenant')
        order by c.relname
    loop
        execute format('alter table %I.%I enable row level security', place, kept.name);
        execute format('create policy as_granted on %I.%I using (true)', place, kept.name);
        execute format(
            'create policy one_tenant on %I.%I as restrictive to stepcell_api
                 using (%I = (select nullif(current_setting(''stepcell.tenant_id'', true), '''')::int))',
            place, kept.name, kept.owner
        );
        may := case
            -- Keys are looked up before anybody is known; the log is written through `audit_append`.
            when kept.name in ('api_key', 'audit') then null
            when kept.name in ('tenant', 'attempt', 'attempt_log', 'compensated', 'quota', 'stored', 'usage') then 'select'
            else 'select, insert, update, delete'
        end;
        if may is not null then
            execute format('grant %s on %I.%I to stepcell_api', may, place, kept.name);
        end if;
    end loop;
    execute format('grant usage on schema %I to stepcell_api', place);
    execute format('grant select on %I.worker to stepcell_api', place);
    execute format('grant execute on function %I.audit_append(int, text, text, text, text) to stepcell_api', place);
    return true;
end
$$;

do $$
begin
    -- What runs as its owner must not find somebody else's tables.
    execute format(
        'alter function audit_append(int, text, text, text, text) set search_path = %I, pg_temp', current_schema()
    );
    perform keep_tenants_apart();
end $$;
