//! Databases for tests: migrated once, copied for each, gone with the test.

#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

use std::convert::Infallible;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use devdb::{TestDatabase, for_tests};

fn psql(url: &str, statement: &str) -> String {
    let output = Command::new("psql").arg(url).args(["-tAc", statement]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn a_template_is_migrated_once_and_every_copy_is_its_own() {
    static MIGRATED: AtomicU32 = AtomicU32::new(0);
    let key = format!("own template of process {}", std::process::id());
    let migrate = async |url: String| {
        MIGRATED.fetch_add(1, Ordering::Relaxed);
        psql(&url, "create table things (n int)");
        Ok::<(), Infallible>(())
    };
    let one = for_tests(&key, migrate).await.unwrap();
    let two = for_tests(&key, migrate).await.unwrap();
    one.run(&["insert into things values (1)"]).unwrap();
    assert_eq!(psql(&one.url(), "select count(*) from things"), "1");
    assert_eq!(psql(&two.url(), "select count(*) from things"), "0");
    assert_eq!(MIGRATED.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_failed_migration_is_told_and_tried_again_by_the_next() {
    let key = format!("failing template of process {}", std::process::id());
    let failed = for_tests(&key, async |_| Err("no such table")).await.unwrap_err();
    assert!(failed.to_string().contains("no such table"), "{failed}");
    let migrate = async |url: String| {
        psql(&url, "create table things (n int)");
        Ok::<(), Infallible>(())
    };
    let made = for_tests(&key, migrate).await.unwrap();
    assert_eq!(psql(&made.url(), "select count(*) from things"), "0");
}

#[test]
fn a_database_is_dropped_with_its_test() {
    let database = TestDatabase::empty().unwrap();
    let (cluster, name) = (database.cluster(), database.name().to_owned());
    let there = format!("select count(*) from pg_database where datname = '{name}'");
    assert_eq!(cluster.run("postgres", &[&there]).unwrap(), ["1"]);
    drop(database);
    assert_eq!(cluster.run("postgres", &[&there]).unwrap(), ["0"]);
}
