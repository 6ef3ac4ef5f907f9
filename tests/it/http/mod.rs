//! The HTTP surface, asked over a real socket.

mod access;
mod bodies;
mod bounds;
mod contexts;
mod evaluate;
mod explain;
mod framing;
mod golden;
mod issuer;
mod jwt;
mod measures;
mod ofrep;
mod openapi;
mod server;
mod streams;
mod tls;
mod walk;
mod wire;
