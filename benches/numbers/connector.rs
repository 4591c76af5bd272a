//! A Connector that does nothing: it takes a request, waits as long as it is told, and answers with an id. It is written
//! by hand because an HTTP library on its side would take from the two cores what is to be measured on the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nudged::domain::time::Moment;
use nudged::port::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The server. It ends when it is dropped.
pub(crate) struct Connector {
    pub(crate) address: String,
    taken: watch::Receiver<Taken>,
    _tasks: JoinSet<()>,
}

/// When the first request was there, and when the last one that is awaited.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    first: Option<Moment>,
    last: Option<Moment>,
}

struct Counter {
    clock: Arc<dyn Clock>,
    latency: Duration,
    awaited: u64,
    count: AtomicU64,
    told: watch::Sender<Taken>,
}

impl Connector {
    /// Answers each request after `latency`, and tells when the first and when all of `awaited` have arrived.
    pub(crate) async fn open(clock: Arc<dyn Clock>, latency: Duration, awaited: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (told, taken) = watch::channel(Taken::default());
        let counter = Arc::new(Counter { clock, latency, awaited, count: AtomicU64::new(0), told });
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                guests.spawn(serve(stream, Arc::clone(&counter)));
                while guests.try_join_next().is_some() {}
            }
        });
        Self { address, taken, _tasks: tasks }
    }

    /// From the arrival of the first request to that of the last one that is awaited.
    pub(crate) async fn all_taken(&mut self) -> Duration {
        let taken = *self.taken.wait_for(|taken| taken.last.is_some()).await.expect("the server lives");
        let (first, last) = taken.first.zip(taken.last).expect("both are told");
        last.since(first)
    }
}

impl Counter {
    fn took_one(&self) -> u64 {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        if count == 1 || count == self.awaited {
            let now = self.clock.moment();
            self.told.send_modify(|taken| {
                taken.first = taken.first.or(Some(now));
                taken.last = (count == self.awaited).then_some(now);
            });
        }
        count
    }
}

/// Serves one connection until its other end goes away.
async fn serve(mut stream: TcpStream, counter: Arc<Counter>) {
    stream.set_nodelay(true).expect("a socket");
    let mut read = Vec::with_capacity(8192);
    loop {
        let Some(length) = request_length(&read) else {
            match stream.read_buf(&mut read).await {
                Ok(0) | Err(_) => return,
                Ok(_) => continue,
            }
        };
        read.drain(..length);
        let id = counter.took_one();
        if !counter.latency.is_zero() {
            counter.clock.sleep(counter.latency).await;
        }
        let body = format!("{{\"id\":\"{id:013}\"}}");
        let answer = format!(
            "HTTP/1.1 201 Created\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// How many bytes the first request in `read` has, once it is there as a whole.
fn request_length(read: &[u8]) -> Option<usize> {
    let head = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&read[..head]).expect("a head of HTTP");
    let of_body = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().expect("a length"));
    (read.len() >= head + of_body).then_some(head + of_body)
}
