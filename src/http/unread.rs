//! A body in chunks that nobody reads to its end closes the connection.
//!
//! Left alone, the server below reads and discards the rest of a chunked body whose reader is gone, without end if
//! the sender sends without end, whatever was answered and however it was answered. It closes the connection, after a
//! short while for the answer to arrive, only if the reader still exists when the answer has been written. So the
//! answer keeps the reader.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures_util::Stream;

/// The body of a request that came in chunks, shared by whoever reads it and whoever answers.
#[derive(Clone)]
pub(super) struct Chunked(Rc<RefCell<Reading>>);

struct Reading {
    payload: Payload,
    ended: bool,
}

impl Chunked {
    /// Takes part in the body of a request, if it comes in chunks.
    pub(super) fn of(request: &mut ServiceRequest) -> Option<Self> {
        if !request.headers().contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        let reading = Reading { payload: request.parts_mut().1.take(), ended: false };
        let shared = Self(Rc::new(RefCell::new(reading)));
        request.set_payload(Payload::Stream { payload: Box::pin(shared.clone()) });
        Some(shared)
    }

    /// Has the answer keep the body, unless it was read to its end.
    pub(super) fn keep_in(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        if self.0.borrow().ended {
            return response;
        }
        response.map_body(|_, body| BoxBody::new(Keeping { body, _chunked: self }))
    }
}

impl Stream for Chunked {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut reading = self.0.borrow_mut();
        let piece = Pin::new(&mut reading.payload).poll_next(context);
        reading.ended |= matches!(piece, Poll::Ready(None));
        piece
    }
}

/// An answer that keeps the body of its request.
struct Keeping {
    body: BoxBody,
    _chunked: Chunked,
}

impl MessageBody for Keeping {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.get_mut().body.as_pin_mut().poll_next(context)
    }
}
