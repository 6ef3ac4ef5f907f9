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
