//! Callers with bad manners, on a clock that is set by hand.

use std::sync::Mutex;

use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Bytes;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};

use super::hand::HandClock;
use super::*;

/// Of real time, longer than anything here takes on a busy machine; only a failure ever waits for it.
const PATIENCE: Duration = Duration::from_mins(3);

const LAST_WORDS: Duration = Duration::from_secs(5);

/// A door behind which somebody repeats what is said.
struct Door {
    clock: Arc<HandClock>,
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Door {
    fn open(listener: impl Listener + Sync + 'static) -> Self {
        let echo = service_fn(|request: Request<Incoming>| async {
            let said = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
            Ok(Response::new(Full::<Bytes>::new(said)))
        });
        Self::open_to(listener, echo)
    }

    /// A door behind which somebody else stands.
    fn open_to<S>(listener: impl Listener + Sync + 'static, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<Full<Bytes>>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send,
    {
        let clock = Arc::new(HandClock::default());
        let (stop, mut task) = (CancellationToken::new(), JoinSet::new());
        let closing = Closing { clock: Arc::<HandClock>::clone(&clock), stop: stop.clone(), last_words: LAST_WORDS };
        task.spawn(serve(listener, service, closing));
        Self { clock, stop, task }
    }

    async fn tcp() -> (Self, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        (Self::open(listener), TcpStream::connect(address).await.expect("it listens"))
    }

    /// All the time for heads goes by at once, whenever somebody waits for one, until the other end closes. Returns what it
    /// said.
    async fn hangs_up_on(&self, stream: impl AsyncRead + Unpin) -> String {
        let mut waits = self.clock.waits.subscribe();
        let mut said = pin!(rest(stream));
        loop {
            self.clock.advance(HEAD_WITHIN);
            tokio::select! {
                biased;
                said = &mut said => return said,
                changed = waits.changed() => changed.expect("the clock lives"),
            }
        }
    }

    /// Waits until everybody is gone. Whoever still has some time gets all of it at once.
    async fn has_closed(&mut self) {
        let mut waits = self.clock.waits.subscribe();
        patient(async {
            loop {
                self.clock.advance(LAST_WORDS);
                tokio::select! {
                    Some(ended) = self.task.join_next() => return ended.expect("no task panicked"),
                    changed = waits.changed() => changed.expect("the clock lives"),
                }
            }
        })
        .await;
    }
}

async fn patient<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens")
}

/// All that comes until the other end closes. A reset after an answer is an end too.
async fn rest(mut stream: impl AsyncRead + Unpin) -> String {
    let mut said = Vec::new();
    let _ = patient(stream.read_to_end(&mut said)).await;
    String::from_utf8(said).expect("text")
}

#[tokio::test]
async fn who_is_silent_or_sends_half_a_head_is_hung_up_on() {
    for sent in ["", "GET / HTTP/1.1\r\nhost: x"] {
        let (door, mut stream) = Door::tcp().await;
        stream.write_all(sent.as_bytes()).await.expect("it reads");
        assert_eq!(door.hangs_up_on(stream).await, "");
    }
}

#[tokio::test]
async fn each_head_of_a_connection_has_its_time() {
    let (door, mut stream) = Door::tcp().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\nGET /").await.expect("it reads");
    let mut answer = [0; b"HTTP/1.1 200 ".len()];
    patient(stream.read_exact(&mut answer)).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 ");
    let said = door.hangs_up_on(stream).await;
    assert!(!said.contains("HTTP/1.1"), "the second is half a request: {said}");
}

#[tokio::test]
async fn a_socket_has_the_same_manners() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("s");
    let door = Door::open(UnixListener::bind(&path).expect("a socket"));
    let mut whole = UnixStream::connect(&path).await.expect("it listens");
    whole
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello")
        .await
        .expect("sent");
    assert!(rest(whole).await.ends_with("\r\n\r\nhello"));
    let mut half = UnixStream::connect(&path).await.expect("it listens");
    half.write_all(b"POST / HTTP/1.1\r\nhost").await.expect("sent");
    assert_eq!(door.hangs_up_on(half).await, "");
}

#[tokio::test]
async fn a_head_has_its_bounds() {
    let large = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(2 * LARGEST_HEAD));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(MOST_HEADERS));
    for head in [large, many] {
        let (_door, mut stream) = Door::tcp().await;
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let said = rest(stream).await;
        // The end of the connection is an answer as well: the rest of a head may still be on its way.
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
    }
}

/// An answer that no buffer on the way can hold. It knows when nobody has it any more.
struct Long {
    bytes: Vec<u8>,
    _held: oneshot::Sender<()>,
}

impl AsRef<[u8]> for Long {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[tokio::test]
async fn who_does_not_read_is_hung_up_on() {
    let (held, let_go) = oneshot::channel();
    let answer = Bytes::from_owner(Long { bytes: vec![0; 64 << 20], _held: held });
    let answer = Arc::new(Mutex::new(Some(answer)));
    let long = service_fn(move |_: Request<Incoming>| {
        let answer = answer.lock().expect("nobody panics with it").take().unwrap_or_default();
        async move { Ok(Response::new(Full::<Bytes>::new(answer))) }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let door = Door::open_to(listener, long);
    let mut caller = TcpStream::connect(address).await.expect("it listens");
    caller.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it reads");
    let mut waits = door.clock.waits.subscribe();
    let mut let_go = pin!(patient(let_go));
    let gone = loop {
        door.clock.advance(TAKEN_WITHIN);
        tokio::select! {
            biased;
            gone = &mut let_go => break gone,
            changed = waits.changed() => changed.expect("the clock lives"),
        }
    };
    assert!(gone.is_err(), "nobody has the answer any more");
    drop(caller);
}

/// Cut off in the middle, the ledger might have changed and the rest of the daemon would not know.
#[tokio::test]
async fn what_is_asked_is_done_to_the_end_also_where_the_caller_hangs_up() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (done, was_done) = oneshot::channel();
    let done = Arc::new(Mutex::new(Some(done)));
    let slow = service_fn({
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        move |request: Request<Incoming>| {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            let done = done.lock().expect("nobody panics with it").take_if(|_| request.uri() == "/slow");
            async move {
                if let Some(done) = done {
                    begun.notify_one();
                    go_on.notified().await;
                    done.send(()).expect("somebody waits for it");
                }
                Ok(Response::new(Full::<Bytes>::default()))
            }
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let _door = Door::open_to(listener, slow);
    let mut caller = TcpStream::connect(address).await.expect("it listens");
    caller.write_all(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.expect("it reads");
    patient(begun.notified()).await;
    drop(caller);
    // Whoever comes later is answered after the door has seen that the first is gone.
    for _ in 0..3 {
        let mut other = TcpStream::connect(address).await.expect("it listens");
        other.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("it reads");
        assert!(rest(other).await.starts_with("HTTP/1.1 200 "));
    }
    go_on.notify_one();
    patient(was_done).await.expect("it was done");
}

#[tokio::test]
async fn a_stop_waits_for_what_is_in_hand_and_for_nobody_else() {
    let (mut door, mut silent) = Door::tcp().await;
    let address = silent.peer_addr().expect("an address");
    let [mut slow, mut quick] = [
        TcpStream::connect(address).await.expect("it listens"),
        TcpStream::connect(address).await.expect("it listens"),
    ];
    silent.write_all(b"POST / HTTP/1.1\r\nhost").await.expect("it reads");
    for stream in [&mut slow, &mut quick] {
        let head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";
        stream.write_all(head).await.expect("it reads");
        // The request is in hand once its body is asked for.
        let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        patient(stream.read_exact(&mut go_on)).await.expect("an answer");
    }
    door.stop.cancel();
    quick.write_all(b"hello").await.expect("it reads");
    assert!(rest(quick).await.ends_with("\r\n\r\nhello"));
    door.has_closed().await;
    assert_eq!((rest(slow).await, rest(silent).await), (String::new(), String::new()));
}
