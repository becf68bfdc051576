//! The second net: row-level security alone keeps tenants apart, whatever a statement forgets to say.

use devdb::TestDatabase;
use stepcell_tests::host::{Host, Settings, database};
use store::Store;

use crate::schema::FILL;
use crate::tenants::owned_tables;

const API: &str = "set role stepcell_api";
const NOBODY: &str = "set stepcell.tenant_id = ''";
const OURS: &str = "set stepcell.tenant_id = '7'";
const THEIRS: &str = "8";

/// What a statement of the API's role answers as our tenant; the error's text where it may not.
fn as_api(database: &TestDatabase, setting: &str, statement: &str) -> Result<String, String> {
    let answered = database.run(&[API, setting, statement]);
    answered.map(|rows| rows.concat()).map_err(|why| why.to_string())
}

#[tokio::test]
async fn the_net_alone_keeps_every_row_of_another_tenant_from_being_seen_or_changed() {
    let database = database().await;
    database.run(FILL).unwrap();
    let dump = |table: &str| {
        let dump = format!(
            "select md5(string_agg(x::text, '|' order by x::text)) from {table} x where tenant_id = {THEIRS}"
        );
        database.run(&[&dump]).unwrap().concat()
    };
    for table in owned_tables(&database) {
        let before = dump(&table);
        assert!(!before.is_empty(), "there are rows of `{table}` to keep apart");
        let counted = |statement: &str| format!("with x as ({statement}) select count(*) from x");
        let columns = format!(
            "select string_agg(quote_ident(column_name), ', ') from information_schema.columns where table_name = '{table}'"
        );
        let columns = database.run(&[&columns]).unwrap().concat();
        let row = format!(
            "select replace(to_jsonb(x)::text, '''', '''''') from {table} x where tenant_id = {THEIRS} limit 1"
        );
        let row = database.run(&[&row]).unwrap().concat();
        let attempts = [
            (format!("select count(*) from {table} where tenant_id = {THEIRS}"), "sees"),
            (
                counted(&format!(
                    "update {table} set tenant_id = tenant_id where tenant_id = {THEIRS} returning 1"
                )),
                "changes",
            ),
            (
                counted(&format!("delete from {table} where tenant_id = {THEIRS} returning 1")),
                "deletes",
            ),
            (
                counted(&format!(
                    "update {table} set tenant_id = {THEIRS} where tenant_id = 7 returning 1"
                )),
                "gives away",
            ),
            (
                counted(&format!(
                    "insert into {table} ({columns}) overriding system value
                select {columns} from jsonb_populate_record(null::{table}, '{row}') returning 1"
                )),
                "adds",
            ),
        ];
        for (attempt, what) in attempts {
            let refused = match as_api(&database, OURS, &attempt) {
                Ok(count) => count == "0",
                Err(why) => why.contains("permission denied") || why.contains("row-level security"),
            };
            assert!(
                refused,
                "it {what} rows of `{table}`: {:?}",
                as_api(&database, OURS, &attempt)
            );
        }
        let all = as_api(&database, NOBODY, &format!("select count(*) from {table}"));
        assert!(
            all.as_deref().map_or_else(|why| why.contains("denied"), |count| count == "0"),
            "{table}: {all:?}"
        );
        assert_eq!(dump(&table), before, "{table}");
    }
    let names = as_api(&database, OURS, "select string_agg(name, ', ') from tenant");
    assert_eq!(names.unwrap(), "tenant-7", "a tenant sees no other one's name");
    assert!(as_api(&database, OURS, "select count(*) from run").unwrap() != "0", "it sees its own");
}

#[tokio::test]
async fn a_host_passes_the_net_and_a_table_that_comes_later_is_laid_under_it() {
    let host = Host::with(Settings { works: false, ..Settings::default() }).await;
    assert!(host.store.has_net().await.unwrap());
    let table = "create table later (tenant_id int primary key); insert into later values (7), (8)";
    host.database.run(&[table]).unwrap();
    let store = Store::connect(&store::Settings::new(host.database.url())).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    let seen = as_api(&host.database, OURS, "select string_agg(tenant_id::text, ',') from later");
    assert_eq!(seen.unwrap(), "7");
}

#[tokio::test]
async fn other_roles_see_what_they_were_granted_as_if_there_were_no_net() {
    let database = database().await;
    let role = format!("reader_{}", database.name());
    database
        .run(&[&format!("create role {role}"), &format!("grant select, insert on flow to {role}")])
        .unwrap();
    database.run(&["insert into flow (tenant_id, name) values (1, 'f')"]).unwrap();
    let seen = database.run(&[&format!("set role {role}"), "select count(*) from flow"]).unwrap();
    database.run(&[&format!("drop owned by {role}"), &format!("drop role {role}")]).unwrap();
    assert_eq!(seen, ["1"]);
}
