//! The body of an answer: whole, or in two halves with something between them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::reply::Cut;

/// What lies between the two halves of a body.
enum Between {
    Nothing,
    Pause(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// The first half is sent on its way, then the connection ends.
    End,
    Ended,
}

/// A body. It announces its whole length whatever becomes of it.
pub(super) struct Payload {
    parts: VecDeque<Bytes>,
    between: Between,
}

impl Payload {
    pub(super) fn whole(bytes: Bytes) -> Self {
        let parts = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([bytes]) };
        Self { parts, between: Between::Nothing }
    }

    /// All of it, with a pause after the first half.
    pub(super) fn slowly(self, pause: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { between: Between::Pause(Box::pin(pause)), ..self.halved() }
    }

    /// The first half, and then the end of the connection.
    pub(super) fn broken_off(self) -> Self {
        Self { between: Between::End, ..self.halved() }
    }

    fn halved(mut self) -> Self {
        if let Some(mut last) = self.parts.pop_back() {
            let first = last.split_to(last.len() / 2);
            self.parts.extend([first, last]);
        }
        self
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::whole(Bytes::new())
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.parts.len() == 1 {
            match &mut self.between {
                Between::Nothing => {}
                Between::Pause(pause) => {
                    ready!(pause.as_mut().poll(context));
                    self.between = Between::Nothing;
                }
                Between::End => {
                    // To wait once lets the connection write what it has; an error at once would throw it away.
                    self.between = Between::Ended;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Between::Ended => return Poll::Ready(Some(Err(Cut))),
            }
        }
        Poll::Ready(self.parts.pop_front().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parts.iter().map(|part| part.len() as u64).sum())
    }
}
