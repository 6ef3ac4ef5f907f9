//! The HTTP surface, asked over a real socket.

mod access;
mod bodies;
mod bounds;
mod framing;
mod golden;
mod server;
mod streams;
mod tls;
mod wire;
