-- Starting a run inside a transaction of one's own.

-- Starts a run of a flow's active version, or of another one, and answers its id. The run is there if and only if the
-- caller's transaction commits. Where `key` is given and a live run of the flow has it, that run is answered and nothing is
-- started.
create function start_run(
    flow_name  text,
    input      jsonb default 'null',
    key        text default null,
    priority   smallint default 0,
    delay      interval default '0',
    on_version int default null,
    tenant     text default 'default'
) returns uuid
    language plpgsql
as $$
#variable_conflict use_column
declare
    of_tenant   int;
    of_flow     bigint;
    number      int;
    definition  jsonb;
    roots       smallint[];
    most        interval;
    live        uuid;
    -- A UUIDv7: milliseconds since 1970, then chance.
    new_run     uuid := encode(
        set_bit(
            set_bit(
                overlay(
                    uuid_send(gen_random_uuid())
                    placing substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
                    from 1 for 6
                ),
                52, 1
            ),
            53, 1
        ),
        'hex'
    )::uuid;
begin
    select t.id into of_tenant from tenant t where t.name = start_run.tenant;
    select f.id, coalesce(start_run.on_version, f.current_version) into of_flow, number
    from flow f
    where f.tenant_id = of_tenant and f.name = start_run.flow_name;
    if of_flow is null then
        raise exception 'there is no flow "%" of tenant "%"', start_run.flow_name, start_run.tenant
            using errcode = 'no_data_found', hint = 'Register it with `stepcell deploy`.';
    end if;
    select v.definition::jsonb, v.root_steps into definition, roots
    from flow_version v
    where v.tenant_id = of_tenant and v.flow_id = of_flow and v.version = number;
    if definition is null then
        raise exception 'flow "%" has no %', start_run.flow_name,
            coalesce('version ' || number, 'active version; activate one, or name a version')
            using errcode = 'no_data_found';
    end if;
    if definition ? 'input_schema' then
        raise exception 'flow "%" has a schema for its input, which Postgres cannot check', start_run.flow_name
            using errcode = 'feature_not_supported', hint = 'Start it with POST /v1/flows/{flow}/runs.';
    end if;
    if octet_length(start_run.input::text) > 1048576 then
        raise exception 'the input has % bytes and may have 1048576', octet_length(start_run.input::text)
            using errcode = 'program_limit_exceeded';
    end if;
    if jsonb_typeof(start_run.input) <> 'array' and exists (
        select from jsonb_array_elements(definition -> 'steps') as step
        where step -> 'map' = 'true' and not step ? 'needs'
    ) then
        raise exception 'flow "%" maps over its input, which must be an array and is %', start_run.flow_name,
            jsonb_typeof(start_run.input)
            using errcode = 'invalid_parameter_value';
    end if;
    if start_run.key is not null then
        if octet_length(start_run.key) not between 1 and 255 then
            raise exception 'the key has 1 to 255 bytes' using errcode = 'invalid_parameter_value';
        end if;
        -- The same lock that a start over HTTP takes.
        perform pg_advisory_xact_lock(hashtextextended(start_run.key, of_tenant::bigint * 1000003 + of_flow));
        insert into run_key as k (tenant_id, flow_id, key, run_id)
        values (of_tenant, of_flow, start_run.key, new_run)
        on conflict (tenant_id, flow_id, key) do update
        set run_id = excluded.run_id
        where exists (
            select from run r where r.tenant_id = k.tenant_id and r.id = k.run_id and r.ended_at is not null
        );
        if not found then
            select k.run_id into live
            from run_key k
            where k.tenant_id = of_tenant and k.flow_id = of_flow and k.key = start_run.key;
            return live;
        end if;
    end if;
    most := (definition ->> 'deadline_ms')::bigint * interval '1 ms';
    insert into run (tenant_id, id, flow_id, version, status, input, priority, key, deadline_at)
    values (of_tenant, new_run, of_flow, number, 'queued', start_run.input::text, start_run.priority, start_run.key,
        now() + most);
    if most is not null then
        insert into run_deadline (tenant_id, run_id, deadline_at) values (of_tenant, new_run, now() + most);
    end if;
    insert into token (tenant_id, run_id, born_step, born_index, born_attempt, step, lo, hi, epoch, priority, wake_at)
    select of_tenant, new_run, root, -1, 1, root, -1, 0, 1, start_run.priority,
        case when start_run.delay > interval '0' then now() + start_run.delay end
    from unnest(roots) as root;
    -- Heard when the transaction commits.
    perform pg_notify('stepcell', 'ready');
    return new_run;
end
$$;
