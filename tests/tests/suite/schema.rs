//! What Postgres holds is what was committed, and no query reads a table that grows from end to end.

use std::fs;
use std::path::{Path, PathBuf};

use devdb::TestDatabase;
use stepcell_tests::guests::root;
use stepcell_tests::host::database;

use crate::architecture::files;

/// Every table with its columns, constraints, indexes, triggers and policies, every enum and function, as text.
const DESCRIBE: &str = r"
with relation as (
    select c.oid, c.relname::text as name
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> '_sqlx_migrations'
),
line (relation, rank, place, text) as (
    select name, 0, 0, 'table ' || name || coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '')
    from relation join pg_class c using (oid)
    union all
    select r.name, 1, a.attnum, '  ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || case when a.attnotnull then ' not null' else '' end
        || case when a.attidentity <> '' then ' identity' else '' end
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
    from relation r
    join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = r.oid and d.adnum = a.attnum
    union all
    select r.name, 2, row_number() over (order by c.conname)::int, '  constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
    from relation r join pg_constraint c on c.conrelid = r.oid and c.contype in ('p', 'u', 'f', 'c')
    union all
    select r.name, 3, row_number() over (order by i.indexrelid::regclass::text)::int, '  ' || pg_get_indexdef(i.indexrelid)
    from relation r join pg_index i on i.indrelid = r.oid
    where not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u'))
    union all
    select r.name, 4, row_number() over (order by t.tgname)::int, '  ' || pg_get_triggerdef(t.oid) || ' (' || t.tgenabled::text || ')'
    from relation r join pg_trigger t on t.tgrelid = r.oid and not t.tgisinternal
    union all
    select r.name, 5, row_number() over (order by p.policyname)::int, '  policy ' || p.policyname || ' ' || p.permissive || ' to '
        || array_to_string(p.roles, ', ') || ' using ' || p.qual || coalesce(' with check ' || p.with_check, '')
    from relation r join pg_class c using (oid) join pg_policies p on p.tablename = r.name
    where c.relrowsecurity
    union all
    select r.name, 6, 0, '  granted to stepcell_api: ' || string_agg(g.privilege_type, ', ' order by g.privilege_type)
    from relation r join information_schema.role_table_grants g on g.table_name = r.name and g.grantee = 'stepcell_api'
    group by r.name
    union all
    select '', 0, 0, 'enum ' || t.typname || ' (' || string_agg(e.enumlabel, ', ' order by e.enumsortorder) || ')'
    from pg_type t join pg_enum e on e.enumtypid = t.oid
    group by t.typname
    union all
    select '', 1, 0, 'function ' || p.oid::regprocedure || ' returns ' || pg_get_function_result(p.oid)
    from pg_proc p
    where p.pronamespace = 'public'::regnamespace
)
select text from line order by relation, rank, place, text
";

/// Enough rows that Postgres would rather use an index than read a table.
pub(crate) const FILL: &[&str] = &[
    "insert into tenant (name) select 'tenant-' || n from generate_series(2, 200) n",
    "insert into flow (tenant_id, name) select n % 200 + 1, 'flow-' || n from generate_series(1, 2000) n",
    "insert into flow_version (tenant_id, flow_id, version, definition, content_hash, root_steps)
     select tenant_id, f.id, v, '{}', sha256((f.id || '/' || v)::bytea), '{0}' from flow f, generate_series(1, 3) v",
    "insert into activation (tenant_id, flow_id, number, version, back_to)
     select tenant_id, id, v, v, nullif(v - 1, 0) from flow, generate_series(1, 3) v",
    "update flow set current_version = 3, current_activation = 3",
    "insert into component (tenant_id, digest, bytes, report)
     select n % 200 + 1, sha256(n::text::bytea), 'x', '{}' from generate_series(1, 2000) n",
    "insert into flow_version_component (tenant_id, digest, flow_id, version)
     select tenant_id, sha256(flow_id::text::bytea), flow_id, version from flow_version",
    "insert into api_key (id, tenant_id, secret_sha256, scopes)
     select 'k' || n, n % 200 + 1, sha256(n::text::bytea), '{read}' from generate_series(1, 2000) n",
    "insert into run (tenant_id, id, flow_id, version, status, input, started_at, ended_at, failure, failed_step, cancelled_at)
     select f.tenant_id, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, f.id, n % 3 + 1,
         (case when n % 50 = 0 then 'failed' when n % 50 = 1 then 'cancelled' when n > 29000 then 'running'
               else 'completed' end)::run_status,
         '{}', now(), case when n <= 29000 or n % 50 < 2 then now() end,
         case when n % 50 = 0 then '{}' end, case when n % 50 = 0 then 0 end, case when n % 50 = 1 then now() end
     from generate_series(1, 30000) n join flow f on f.id = n % 2000 + 1",
    "insert into token (run_id, tenant_id, born_index, born_step, born_attempt, step, lo, hi, worker_id, wake_at)
     select id, tenant_id, b, 0, 1, 0, b, b + 1, case when b < 2 then 1 end, case when b > 3 then now() + interval '1 day' end
     from run, generate_series(0, 19) b where status = 'running'",
    "insert into outcome (fuel, wall_us, peak_memory_bytes, run_id, tenant_id, index, ord, instantiate_us, input_bytes,
         output_bytes, host_calls, log_bytes, worker_id, step, attempt, output)
     select 1, 1, 1, id, tenant_id, 0, 0, 1, 1, 1, 1, 1, 1, s, 1, '1' from run, generate_series(0, 2) s where status = 'completed'",
    "insert into attempt (fuel, wall_us, peak_memory_bytes, retry_in_ms, run_id, tenant_id, index, ord, instantiate_us,
         input_bytes, output_bytes, host_calls, log_bytes, worker_id, step, attempt, failure)
     select 1, 1, 1, 1, id, tenant_id, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1, '{}' from run",
    "insert into attempt_log (run_id, tenant_id, index, step, attempt, lines) select id, tenant_id, 0, 0, 1, '[]' from run",
    "insert into arrival (run_id, tenant_id, arrived, arrival_count, step) select id, tenant_id, 1, 2, 1 from run",
    "insert into idempotency (tenant_id, key, request_sha256, run_id) select tenant_id, id::text, sha256(id::text::bytea), id from run",
    "insert into task (run_id, tenant_id, index, step, phase, phase_name, awaits)
     select id, tenant_id, 0, 0, 1, 'p', array['go'] from run",
    "insert into signal (run_id, tenant_id, name, payload, dedup_key) select id, tenant_id, 'go', '1', 'k' from run",
    "update run set parent_run_id = ('00000000-0000-7000-8000-' || lpad((right(id::text, 12)::int - 1)::text, 12, '0'))::uuid,
         parent_step = 0, parent_index = 0
     where right(id::text, 1) in ('1', '3', '5')",
    "insert into run_deadline (deadline_at, run_id, tenant_id) select now() + interval '1 day', id, tenant_id from run",
    "insert into run_key (flow_id, run_id, tenant_id, key) select flow_id, id, tenant_id, id::text from run",
    "insert into compensation (run_id, tenant_id, due_at) select id, tenant_id, now() + interval '1 day' from run",
    "insert into compensated (fuel, wall_us, peak_memory_bytes, run_id, tenant_id, index, worker_id, step, attempt, is_last, lines)
     select 1, 1, 1, id, tenant_id, 0, 1, 0, 1, true, '[]' from run",
    "update token set worker_id = null, gate = 'key', key = 'k' || right(run_id::text, 3), key_limit = 1, wake_at = 'infinity'
     where born_index = 6",
    "update token set worker_id = null, gate = 'rate', rate = 'r' || right(run_id::text, 3), weight = 1, wake_at = 'infinity'
     where born_index = 7",
    "update token set gate = 'open', key = 'k' || right(run_id::text, 3) where born_index = 0",
    "update token set gate = 'component', gate_until = wake_at where born_index = 8 and right(run_id::text, 2) = '00'",
    "insert into rate_bucket (full_at, interval_us, tenant_id, burst, rate)
     select now() + interval '1 day', 1, tenant_id, 1, id::text from run",
    "insert into closure (tenant_id, name, flow_id, preset) select tenant_id, 'c' || id, id, '{}' from flow",
    "insert into closure (tenant_id, name, base, preset) select tenant_id, 'd' || id, 'c' || id, '{}' from flow",
    "insert into schedule (tenant_id, name, flow_id, closure, definition, next_at)
     select tenant_id, 's' || id || '-' || n, case when n < 3 then id end, case when n = 3 then 'c' || id end, '{}',
         now() + interval '1 day'
     from flow, generate_series(1, 3) n",
    "insert into breaker (tenant_id, origin, failure_count, opened_at, retry_at, failed_at)
     select n % 200 + 1, 'https://' || n || '.example.com', 5, case when n % 100 = 0 then now() end, case when n % 100 = 0 then now() end,
         now() - n * interval '1 second'
     from generate_series(1, 20000) n",
    "insert into quarantine (tenant_id, digest, reason) select tenant_id, digest, 'r' from component",
    "insert into quota (tenant_id, weight) select id, 100 from tenant",
    "insert into stored (tenant_id, bytes) select id, 1 from tenant",
    "insert into usage (tenant_id, hour, worker_id, lane)
     select n % 200 + 1, date_trunc('hour', now()) - n / 200 * interval '1 hour', 1, 0 from generate_series(0, 39999) n",
    "insert into audit (number, tenant_id, at, tenant_name, actor, action, subject, detail, previous_sha256, sha256)
     select n, nullif(n % 200 + 1, 200), now(), 'tenant-' || (n % 200 + 1), 'k', 'key.create', 'k', '{}', sha256(n::text::bytea), sha256('x')
     from generate_series(1, 20000) n",
    "insert into secret (tenant_id, name, version, key_id, nonce, ciphertext)
     select n % 200 + 1, 's' || n, 1, 'k', substr(sha256(n::text::bytea), 1, 24), 'x' from generate_series(1, 20000) n",
    "insert into key_value (tenant_id, flow_id, key, value) select tenant_id, id, 'k' || n, 'x' from flow, generate_series(1, 10) n",
    "insert into key_value_use (tenant_id, flow_id, byte_count) select tenant_id, id, 40 from flow",
    "insert into worker (host, slots) select 'host', 8 from generate_series(1, 4)",
    "analyze",
];

/// The statements that run with [`store::HOT_SETTINGS`].
const HOT: [&str; 55] = [
    "admission/admit.sql",
    "admission/block.sql",
    "admission/grant_places.sql",
    "admission/grant_shares.sql",
    "admission/keys.sql",
    "admission/rates.sql",
    "admission/waited_under.sql",
    "token/claim.sql",
    "token/record.sql",
    "token/wake.sql",
    "token/wake_shared.sql",
    "token/held.sql",
    "run/start.sql",
    "run/sweep.sql",
    "run/expire.sql",
    "compensation/begin.sql",
    "compensation/claim.sql",
    "compensation/todo.sql",
    "compensation/record.sql",
    "compensation/finish.sql",
    "run/find_ended.sql",
    "outcome/load.sql",
    "outcome/load_widths.sql",
    "outcome/load_departed.sql",
    "compensation/hold.sql",
    "task/sweep.sql",
    "task/sweep_step.sql",
    "task/leaves_bytes.sql",
    "lock.sql",
    "task/go_on.sql",
    "task/unpark.sql",
    "task/spawn.sql",
    "task/join.sql",
    "task/cascade.sql",
    "task/load.sql",
    "task/children.sql",
    "task/leaves.sql",
    "schedule/due.sql",
    "schedule/next.sql",
    "schedule/take.sql",
    "schedule/live.sql",
    "schedule/fired.sql",
    "signal/consume.sql",
    "signal/inbox.sql",
    "breaker/look.sql",
    "breaker/ask.sql",
    "breaker/fail.sql",
    "breaker/reopen.sql",
    "breaker/close.sql",
    "breaker/give_back.sql",
    "key_value/get.sql",
    "key_value/set.sql",
    "key_value/delete.sql",
    "key_value/list.sql",
    "secret/get.sql",
];

/// What is read whole, and rarely: a worker left or was lost. Its tokens have no index, for every claim would pay for it.
const RARE: [&str; 2] = ["token/reap.sql", "token/release.sql"];

/// The tables that grow with use.
const GROWING: [&str; 28] = [
    "usage",
    "audit",
    "rate_bucket",
    "flow",
    "flow_version",
    "activation",
    "component",
    "flow_version_component",
    "api_key",
    "run",
    "token",
    "outcome",
    "attempt",
    "attempt_log",
    "arrival",
    "idempotency",
    "task",
    "signal",
    "run_deadline",
    "run_key",
    "compensation",
    "compensated",
    "closure",
    "schedule",
    "breaker",
    "secret",
    "key_value",
    "key_value_use",
];

fn queries(folder: &Path) -> Vec<PathBuf> {
    let mut found = files(folder, ".sql");
    // What the bench does is not part of the product.
    found.retain(|file| !file.starts_with(folder.join("bench")));
    found
}

/// How many parameters a query has.
fn parameter_count(query: &str) -> usize {
    let number = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    query.split('$').skip(1).filter_map(number).max().unwrap_or(0)
}

/// How Postgres would run a query whatever its parameters are; `None`: the role may not.
fn plan(database: &TestDatabase, (name, role): (&str, &str), query: &str) -> Option<Vec<String>> {
    let nulls = vec!["null"; parameter_count(query)].join(", ");
    let arguments = if nulls.is_empty() { String::new() } else { format!("({nulls})") };
    let planned = database.run(&[
        role,
        if HOT.contains(&name) {
            store::HOT_SETTINGS
        } else {
            "set plan_cache_mode = force_generic_plan"
        },
        &format!("prepare query as {query}"),
        &format!("explain (costs off) execute query{arguments}"),
    ]);
    match planned {
        Err(why) if why.to_string().contains("permission denied") => None,
        planned => Some(planned.unwrap()),
    }
}

#[tokio::test]
async fn the_migrated_schema_is_the_committed_one() {
    let schema = database().await.run(&[DESCRIBE]).unwrap().join("\n") + "\n";
    let committed = root().join("tests/schema.txt");
    if std::env::var_os("STEPCELL_ACCEPT_SCHEMA").is_some() {
        fs::write(&committed, &schema).unwrap();
    }
    assert_eq!(
        schema,
        fs::read_to_string(committed).unwrap_or_default(),
        "when the change is meant, run this test with STEPCELL_ACCEPT_SCHEMA=1"
    );
}

#[tokio::test]
async fn no_query_reads_a_growing_table_from_end_to_end() {
    let database = database().await;
    database.run(FILL).unwrap();
    let owner = plans_that_read_all(&database, "reset role");
    assert!(owner.is_empty(), "{}", owner.join("\n\n"));
    // What row-level security adds to a query must not cost it its index.
    let api = plans_that_read_all(&database, "set role stepcell_api");
    assert!(api.is_empty(), "{}", api.join("\n\n"));
}

/// The queries that read a growing table from end to end, with their plans, as this role.
fn plans_that_read_all(database: &TestDatabase, role: &str) -> Vec<String> {
    let folder = root().join("host/store/queries");
    let mut reading = Vec::new();
    let files = queries(&folder);
    assert!(files.len() > 40, "{files:?}");
    for file in files {
        let name = file.strip_prefix(&folder).unwrap().to_str().unwrap();
        if RARE.contains(&name) {
            continue;
        }
        let Some(plan) = plan(database, (name, role), &fs::read_to_string(&file).unwrap()) else {
            continue;
        };
        for table in GROWING {
            let scan = format!("Seq Scan on {table}");
            let scans = |line: &&String| {
                line.split_once(&scan)
                    .is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(' '))
            };
            if plan.iter().any(|line| scans(&line)) {
                reading.push(format!("{name} reads all of `{table}`:\n{}", plan.join("\n")));
            }
        }
    }
    reading
}
