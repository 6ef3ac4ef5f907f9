//! The HTTP surface, asked over a real socket.

mod bounds;
mod golden;
mod server;
mod streams;
mod tls;
mod wire;
