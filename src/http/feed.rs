//! The body of a stream that holds no queue: what it sends is found out when the connection asks for it.
//!
//! A slow reader delays nobody and costs one piece of one frame. It skips what was true in between and is told what is
//! true when it is ready for more.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::web::Bytes;

use crate::limits;
use crate::serve::streams::{Seat, Ticket};

/// What a stream tells.
pub(super) trait Tells: Unpin {
    /// Whether it may go on; otherwise it ends, and its client, coming back, is told why.
    fn holds(&mut self) -> bool;

    /// What its client does not know yet; nothing until somebody wakes the seat.
    fn news(&mut self, seat: &Seat) -> Option<Bytes>;

    /// What is said where there was nothing to say for a while; nothing where it is to end instead.
    fn silence(&self) -> Option<Bytes> {
        Some(Bytes::from_static(b":\n\n"))
    }
}

/// One stream.
#[derive(Debug)]
pub(super) struct Feed<T> {
    tells: T,
    ticket: Ticket,
    /// The end of the frame that is under way.
    rest: Bytes,
}

impl<T: Tells> Feed<T> {
    /// One that begins with `first`.
    pub(super) const fn new(tells: T, ticket: Ticket, first: Bytes) -> Self {
        Self { tells, ticket, rest: first }
    }

    fn next(&mut self, context: &Context<'_>) -> Poll<Option<Bytes>> {
        let seat = self.ticket.seat();
        if self.rest.is_empty() {
            // First, so that whatever happens while it looks wakes it again.
            seat.wait(context.waker());
            if self.ticket.draining() || !self.tells.holds() {
                return Poll::Ready(None);
            }
            match self.tells.news(seat) {
                Some(news) => self.rest = news,
                None if seat.take_keep_alive() => return Poll::Ready(self.tells.silence()),
                None => return Poll::Pending,
            }
        }
        // A large frame goes out in pieces, so that the connection of a reader that stopped holds one piece of it.
        let piece = self.rest.len().min(limits::STREAM_PIECE_BYTES);
        seat.spoke();
        Poll::Ready(Some(self.rest.split_to(piece)))
    }
}

impl<T: Tells> MessageBody for Feed<T> {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        self.get_mut().next(context).map(|piece| piece.map(Ok))
    }
}
