use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::rig::{CHAT, Rig, TOO_LONG};

#[tokio::test]
async fn urls_carry_the_true_port() {
    let rig = Rig::start().await;
    assert_ne!(rig.emulator.address().port(), 0);
    assert_eq!(rig.emulator.base_url(), format!("http://{}", rig.emulator.address()));
    assert_eq!(rig.emulator.service_url(), format!("{}/teams/", rig.emulator.base_url()));
}

#[tokio::test]
async fn stopping_waits_neither_for_idle_connections_nor_for_half_a_request() {
    let rig = Rig::start().await;
    rig.say(CHAT, "and the connection stays open").await;
    let (address, client) = (rig.emulator.address(), rig.client.clone());
    let mut half_a_head = TcpStream::connect(address).await.unwrap();
    half_a_head.write_all(b"POST /teams/v3/conv").await.unwrap();
    let mut half_a_body = TcpStream::connect(address).await.unwrap();
    half_a_body.write_all(b"POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    // Whoever has been answered on a later connection knows that the earlier ones have been accepted.
    rig.say(CHAT, "once more").await;

    tokio::time::timeout(TOO_LONG, rig.emulator.stop()).await.expect("it stops");
    let error = client.get(format!("http://{address}/healthz")).send().await.unwrap_err();
    assert!(error.is_connect(), "nobody listens: {error:?}");
}

#[tokio::test]
async fn an_address_in_use_is_an_error() {
    let rig = Rig::start().await;
    let settings = crate::emulator::Settings { listen: rig.emulator.address(), ..Default::default() };
    let clock = std::sync::Arc::<super::rig::HandClock>::clone(&rig.clock);
    let error = crate::emulator::Emulator::start(settings, clock).await.err().expect("the port is taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_client_that_sends_far_too_much_can_send_it_all_and_then_read_why_not() {
    let rig = Rig::start().await;
    let body = vec![b'x'; 16_000_000];
    let mut stream = TcpStream::connect(rig.emulator.address()).await.unwrap();
    let head = format!("POST /v3/conversations HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}
