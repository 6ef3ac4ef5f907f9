//! The body of a request, read by hand: after the caller is known, within a size, a time and a sum.
//!
//! Content type and encoding are not looked at: clients in use send evaluation requests as `text/plain`.

use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;

use super::error::{Code, Failure};
use crate::limits;

/// Bytes of large bodies in memory now. The bound is one of the process, so is the count.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);

/// A body, and the room it takes.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Bytes,
    _room: Room,
}

impl std::ops::Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads the whole body, or says why not.
pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Body, Failure> {
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    let mut room = Room(0);
    room.grow(declared.unwrap_or(0))?;
    match tokio::time::timeout(limits::BODY_DEADLINE, collect(payload, &mut room)).await {
        Ok(bytes) => Ok(Body { bytes: bytes?, _room: room }),
        Err(_) => Err(Failure::new(Code::TooSlow, "the body did not arrive in time")),
    }
}

async fn collect(mut payload: Payload, room: &mut Room) -> Result<Bytes, Failure> {
    let piece = |piece: Option<Result<Bytes, _>>| {
        piece.transpose().map_err(|_| Failure::invalid("the body could not be read to its end"))
    };
    let Some(first) = piece(payload.next().await)? else { return Ok(Bytes::new()) };
    room.grow(first.len())?;
    let Some(second) = piece(payload.next().await)? else { return Ok(first) };
    let mut whole = BytesMut::with_capacity(room.0.max(first.len() + second.len()));
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while let Some(next) = piece(payload.next().await)? {
        room.grow(whole.len() + next.len())?;
        whole.extend_from_slice(&next);
    }
    Ok(whole.freeze())
}

/// Bytes counted in [`IN_FLIGHT`], given back when dropped.
#[derive(Debug)]
struct Room(usize);

impl Room {
    /// Takes room for a body of `size` bytes.
    fn grow(&mut self, size: usize) -> Result<(), Failure> {
        if size > limits::EVALUATION_BODY_BYTES {
            let message = format!("the body is larger than {} bytes", limits::EVALUATION_BODY_BYTES);
            return Err(Failure::new(Code::TooLarge, message));
        }
        if size <= limits::EVALUATION_SMALL_BODY || size <= self.0 {
            return Ok(());
        }
        let more = size - self.0;
        let taken = IN_FLIGHT.fetch_update(Ordering::AcqRel, Ordering::Acquire, |sum| {
            (sum + more <= limits::EVALUATION_IN_FLIGHT_BYTES).then_some(sum + more)
        });
        if taken.is_err() {
            return Err(Failure::new(Code::Unavailable, "too many large requests at the moment"));
        }
        self.0 = size;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.0 > 0 {
            IN_FLIGHT.fetch_sub(self.0, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::FromRequest;
    use actix_web::dev;
    use actix_web::error::PayloadError;
    use actix_web::test::TestRequest;
    use futures_util::stream;

    use super::*;

    type Piece = Result<Bytes, PayloadError>;

    async fn read_from(
        request: TestRequest,
        pieces: impl futures_util::Stream<Item = Piece> + 'static,
    ) -> Result<Vec<u8>, Code> {
        let request = request.to_http_request();
        let mut payload = dev::Payload::Stream { payload: pieces.boxed_local() };
        let payload = Payload::from_request(&request, &mut payload).await.unwrap();
        read(&request, payload).await.map(|body| body.to_vec()).map_err(|failure| failure.code)
    }

    fn pieces(text: &'static str) -> impl futures_util::Stream<Item = Piece> {
        stream::iter(text.split('|').map(|piece| Ok(Bytes::from_static(piece.as_bytes()))))
    }

    #[tokio::test]
    async fn pieces_become_one_body() {
        assert_eq!(read_from(TestRequest::post(), stream::empty()).await.unwrap(), b"");
        for sent in ["", "ab", "a|b", "a||c|d"] {
            let whole = sent.replace('|', "");
            assert_eq!(read_from(TestRequest::post(), pieces(sent)).await.unwrap(), whole.as_bytes());
        }
        let broken = stream::iter([Ok(Bytes::from_static(b"a")), Err(PayloadError::Overflow)]);
        assert_eq!(read_from(TestRequest::post(), broken).await, Err(Code::Invalid));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_not_awaited_for_ever() {
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(limits::BODY_DEADLINE / 4).await;
            Some((Ok(Bytes::from_static(b" ")), ()))
        });
        assert_eq!(read_from(TestRequest::post(), trickle).await, Err(Code::TooSlow));
        assert_eq!(read_from(TestRequest::post(), stream::pending()).await, Err(Code::TooSlow));
    }

    #[tokio::test]
    async fn a_declared_length_over_the_cap_is_not_read_at_all() {
        let declared = TestRequest::post().insert_header(("Content-Length", limits::EVALUATION_BODY_BYTES + 1));
        let unread = stream::once(async { panic!("it was read") });
        assert_eq!(read_from(declared, unread).await, Err(Code::TooLarge));
    }

    #[test]
    fn large_bodies_share_one_room_and_give_it_back() {
        // The count is one of the process: other tests may hold a little of it meanwhile.
        let full = limits::EVALUATION_IN_FLIGHT_BYTES / limits::EVALUATION_BODY_BYTES;
        let mut rooms = Vec::new();
        let refused = loop {
            let mut room = Room(0);
            match room.grow(limits::EVALUATION_BODY_BYTES) {
                Ok(()) => rooms.push(room),
                Err(refused) => break refused,
            }
            assert!(rooms.len() <= full);
        };
        assert_eq!(refused.code, Code::Unavailable);
        Room(0).grow(limits::EVALUATION_SMALL_BODY).unwrap();
        rooms.pop();
        Room(0).grow(limits::EVALUATION_BODY_BYTES).unwrap();
    }
}
