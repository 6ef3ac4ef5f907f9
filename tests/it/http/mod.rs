//! The HTTP surface, asked over a real socket.

mod bodies;
mod bounds;
mod framing;
mod golden;
mod ofrep;
mod openapi;
mod server;
mod streams;
mod tls;
mod walk;
mod wire;
