//! The HTTP surface, asked over a real socket.

mod access;
mod bodies;
mod bounds;
mod framing;
mod golden;
mod issuer;
mod jwt;
mod server;
mod streams;
mod tls;
mod wire;
