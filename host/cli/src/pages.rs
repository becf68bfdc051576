//! A list of the host's, page by page: one table, or each page as it came.

use serde::de::DeserializeOwned;

use crate::client::{Ask, Client, query};
use crate::screen::Screen;

/// What a page adds to the table, and where the next one begins.
pub(crate) type Rows = (Vec<Vec<String>>, Option<String>);

/// Shows every page of the list at `path`; `read` takes one apart.
pub(crate) async fn show<Page: DeserializeOwned>(
    client: &Client,
    path: &str,
    heading: &[&str],
    screen: &Screen,
    read: impl Fn(Page) -> Rows,
) -> anyhow::Result<()> {
    let mut rows = vec![heading.iter().map(|name| (*name).to_owned()).collect()];
    let mut cursor = None;
    loop {
        let query = query(&[("limit", Some("500".to_owned())), ("cursor", cursor)]);
        let text = client.text(Ask::get(format!("{path}{query}"))).await?;
        if screen.is_json() {
            screen.line(&text);
        }
        let (more, next) = read(serde_json::from_str(&text)?);
        rows.extend(more);
        if next.is_none() {
            break;
        }
        cursor = next;
    }
    if !screen.is_json() {
        screen.table(&rows);
    }
    Ok(())
}
