//! A client that does not read.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod world;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use world::journal::{entry, hex};
use world::{Blocks, Client, Replica, World};

const PATH: &str = "/events/stream?correlationId=line-7";
/// More than a client's socket, the gateway's and its queue hold.
const EVENTS: u32 = 400;

/// A client with a small buffer that has asked, and reads nothing.
async fn deaf(replica: &Replica, token: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let mut stream = socket.connect(replica.address).await.unwrap();
    let head = format!("GET {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// What it had got when it was cut off: whole blocks, of an answer in chunks.
async fn got(mut stream: TcpStream) -> (Vec<String>, String) {
    let mut bytes = Vec::new();
    // However the connection ends.
    let _ = stream.read_to_end(&mut bytes).await;
    let mut blocks = Blocks::default();
    let text = String::from_utf8_lossy(&bytes);
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    // Sizes stand between chunks, a block being one.
    let body: String = body.split("\r\n").filter(|part| part.contains('\n')).collect();
    blocks.add(body.as_bytes());
    let (mut keys, mut last) = (Vec::new(), String::new());
    while let Some(block) = blocks.next() {
        last = block.id.unwrap();
        if let Some(data) = block.data.filter(|_| block.event.as_deref() == Some("event")) {
            let event: Value = serde_json::from_str(&data).unwrap();
            keys.push(event["eventKey"].as_str().unwrap().to_owned());
        }
    }
    (keys, last)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_read_is_cut_off_the_others_do_not_feel_it_and_it_comes_back_for_the_rest() {
    let world = World::new().await;
    world.journal.append(entry(0, "line-7", "ada", true));
    let replica = world.replica().await;
    let token = world.token("ada", "");
    let deaf = deaf(&replica, &token).await;
    let mut reading = Client::open(&replica, PATH, &token, None).await;
    while replica.hub.streams().0 < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for name in 1..=EVENTS {
        let mut large = entry(name, "line-7", "ada", true);
        large.detail_core = serde_json::value::to_raw_value(&json!({"memo": "x".repeat(4_000)})).unwrap();
        world.journal.append(large);
        reading.expect(name).await;
    }
    while replica.hub.streams() != (1, 1) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (mut keys, last) = got(deaf).await;
    assert!(keys.len() < usize::try_from(EVENTS).unwrap(), "it did not get all");
    let mut again = Client::open(&replica, PATH, &token, Some(&last)).await;
    while keys.len() < usize::try_from(EVENTS).unwrap() {
        let event: Value = serde_json::from_str(&again.next().await.unwrap().data.unwrap()).unwrap();
        keys.push(event["eventKey"].as_str().unwrap().to_owned());
    }
    assert_eq!(keys, (1..=EVENTS).map(hex).collect::<Vec<_>>());
}
