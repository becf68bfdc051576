//! Connections that are opened to be held: many, silent, or slow.

use std::time::Duration;

use stepcell_tests::client::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::prey::Prey;

/// Connections held at once.
const MANY: usize = 400;

async fn open(prey: &Prey, says: &str) -> Vec<TcpStream> {
    let address = prey.client.url().trim_start_matches("http://").to_owned();
    let mut held = Vec::new();
    for _ in 0..MANY {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(says.as_bytes()).await.unwrap();
        held.push(stream);
    }
    held
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_or_half_of_it_keep_nobody_out_and_are_closed() {
    let mut prey = Prey::start().await;
    prey.canary_runs().await;
    let [_, before, _] = prey.gauges();
    let key = prey.client.key().to_owned();
    let half_a_head = "POST /v1/flows/f/runs HTTP/1.1\r\nhost: h\r\nx: ";
    let half_a_body = format!(
        "POST /v1/flows/f/runs HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
    );
    let mut held = open(&prey, half_a_head).await;
    let bodies = open(&prey, &half_a_body).await;
    prey.canary_runs().await;
    prey.is_unharmed("800 connections").await;
    // Who never finishes the head of a request is not waited for.
    let mut slow = held.pop().unwrap();
    let mut heard = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(40), slow.read_to_end(&mut heard)).await;
    assert!(closed.is_ok(), "the connection was never closed");
    drop((held, bodies, slow));
    let back = async || {
        let [_, now, _] = prey.gauges();
        (now <= before + 48).then_some(())
    };
    until("the descriptors are back", back).await;
}
