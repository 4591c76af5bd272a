//! A Connector that has lost its mind: what it answers depends on the conversation that is spoken to.
//!
//! It stands beside the emulator, which gives the tokens, and speaks no HTTP library: such answers can't be made with one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use nudged::domain::delivery::State;

/// A way of answering badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// A page of HTML with 200.
    Html,
    /// 201, and the JSON breaks off in the middle of the id.
    HalfJson,
    /// 200 and ten megabytes that say nothing.
    Huge,
    /// More is promised than comes.
    TooShort,
    /// More comes than was promised.
    TooLong,
    /// A length that is no number.
    NoLength,
    /// The head never ends: another header every moment.
    EndlessHead,
    /// The head came, and then a byte of the body every moment, for ever.
    EndlessBody,
    /// One line of a head that is longer than anybody reads.
    HugeHead,
    /// Text without a head, as the first HTTP had it.
    Ancient,
    /// Bytes that are nothing.
    Noise,
    /// The connection ends without a word.
    Nothing,
    /// Hundreds of preliminary answers, and then nothing.
    Continue,
    /// It is said to be elsewhere: at the same place.
    Redirect,
    /// Nothing ever comes.
    Silence,
}

/// An answer that is whole says that the connection ends with it, as it does: otherwise the next request might go out on it
/// just before its end is seen, and nobody would have been asked.
const LAST: &str = "Connection: close\r\n";

/// So much is too much.
const HUGE: usize = 10 * 1024 * 1024;

impl Way {
    pub(crate) const ALL: [Way; 15] = [
        Way::Html,
        Way::HalfJson,
        Way::Huge,
        Way::TooShort,
        Way::TooLong,
        Way::NoLength,
        Way::EndlessHead,
        Way::EndlessBody,
        Way::HugeHead,
        Way::Ancient,
        Way::Noise,
        Way::Nothing,
        Way::Continue,
        Way::Redirect,
        Way::Silence,
    ];

    /// What a delivery comes to that is held when in doubt. A status is a status, whatever follows it: with a 2xx the message
    /// was taken. Without one, nobody knows.
    pub(crate) fn comes_to(self) -> State {
        match self {
            Way::Html | Way::HalfJson | Way::Huge | Way::TooShort | Way::TooLong | Way::EndlessBody => State::Sent,
            Way::Redirect => State::Failed,
            Way::NoLength
            | Way::EndlessHead
            | Way::HugeHead
            | Way::Ancient
            | Way::Noise
            | Way::Nothing
            | Way::Continue
            | Way::Silence => State::Unknown,
        }
    }

    /// Answers a request whose head has been read. An error is a client that has gone away.
    async fn answer(self, mut stream: TcpStream) -> std::io::Result<()> {
        let json = "Content-Type: application/json\r\n";
        match self {
            Way::Html => {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n";
                say(&mut stream, &format!("{head}{LAST}\r\n<html>log in</html>\n")).await
            }
            Way::HalfJson => {
                say(&mut stream, &format!("HTTP/1.1 201 Created\r\n{LAST}{json}Content-Length: 8\r\n\r\n{{\"id\":\"1"))
                    .await
            }
            Way::Huge => {
                say(&mut stream, &format!("HTTP/1.1 200 OK\r\n{json}Content-Length: {HUGE}\r\n\r\n")).await?;
                stream.write_all(&vec![b' '; HUGE]).await
            }
            Way::TooShort => {
                say(&mut stream, &format!("HTTP/1.1 200 OK\r\n{json}Content-Length: 999\r\n\r\n{{}}")).await
            }
            Way::TooLong => {
                say(&mut stream, &format!("HTTP/1.1 200 OK\r\n{LAST}{json}Content-Length: 2\r\n\r\n{{}}{{}}{{}}")).await
            }
            Way::NoLength => {
                say(&mut stream, &format!("HTTP/1.1 200 OK\r\n{json}Content-Length: many\r\n\r\n{{}}")).await
            }
            Way::EndlessHead => {
                say(&mut stream, "HTTP/1.1 200 OK\r\n").await?;
                drip(stream, "X-More: and more\r\n").await
            }
            Way::EndlessBody => {
                say(&mut stream, &format!("HTTP/1.1 200 OK\r\n{json}Transfer-Encoding: chunked\r\n\r\n")).await?;
                drip(stream, "1\r\n \r\n").await
            }
            Way::HugeHead => {
                say(&mut stream, "HTTP/1.1 200 OK\r\nX-Long: ").await?;
                stream.write_all(&vec![b'x'; HUGE]).await
            }
            Way::Ancient => say(&mut stream, "It has been sent.\n").await,
            Way::Noise => stream.write_all(&[0, 159, 146, 150, 13, 10, 13, 10, 255]).await,
            Way::Nothing => Ok(()),
            Way::Continue => {
                for _ in 0..500 {
                    say(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await?;
                }
                Ok(())
            }
            Way::Redirect => {
                let head = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /again\r\nContent-Length: 0\r\n";
                say(&mut stream, &format!("{head}{LAST}\r\n")).await
            }
            // Until whoever asked goes away.
            Way::Silence => stream.read(&mut [0; 1]).await.map(drop),
        }
    }
}

async fn say(stream: &mut TcpStream, words: &str) -> std::io::Result<()> {
    stream.write_all(words.as_bytes()).await
}

/// The same again and again, a little at a time, until whoever listens goes away.
async fn drip(mut stream: TcpStream, words: &str) -> std::io::Result<()> {
    let mut beat = tokio::time::interval(std::time::Duration::from_millis(50));
    loop {
        beat.tick().await;
        say(&mut stream, words).await?;
    }
}

/// The server. It ends when it is dropped.
pub(crate) struct Madhouse {
    pub(crate) address: String,
    /// The ways in which it has answered.
    answered: Arc<Mutex<Vec<Way>>>,
    _tasks: JoinSet<()>,
}

impl Madhouse {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let answered = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let noted = Arc::clone(&answered);
        tasks.spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                guests.spawn(serve(stream, Arc::clone(&noted)));
                while guests.try_join_next().is_some() {}
            }
        });
        Self { address, answered, _tasks: tasks }
    }

    pub(crate) fn answered(&self) -> Vec<Way> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The conversation for which a way is.
pub(crate) fn conversation(way: Way, number: usize) -> String {
    format!("a:{way:?}-{number}")
}

/// Reads one request, which says in its path which way it wants, and answers it.
async fn serve(mut stream: TcpStream, answered: Arc<Mutex<Vec<Way>>>) {
    let mut read = Vec::new();
    let mut part = [0; 4096];
    let way = loop {
        let Ok(length) = stream.read(&mut part).await else { return };
        if length == 0 {
            return;
        }
        read.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&read);
        // The body is JSON, and there is nothing behind it.
        if text.contains("\r\n\r\n") && text.ends_with('}') {
            let line = text.lines().next().unwrap_or_default();
            let found = Way::ALL.into_iter().find(|way| line.contains(&format!("{way:?}-")));
            break found.unwrap_or_else(|| panic!("what is asked for? {line}"));
        }
    };
    answered.lock().unwrap_or_else(PoisonError::into_inner).push(way);
    // Whoever goes away first, it is over.
    let _ = way.answer(stream).await;
}
