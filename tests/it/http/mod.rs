//! The HTTP surface, asked over a real socket.

mod bodies;
mod bounds;
mod evaluate;
mod explain;
mod framing;
mod golden;
mod server;
mod streams;
mod tls;
mod wire;
