//! The HTTP surface, asked over a real socket.

mod access;
mod bodies;
mod bounds;
mod contexts;
mod evaluate;
mod explain;
mod framing;
mod golden;
mod interface;
mod issuer;
mod jwt;
mod management;
mod measures;
mod ofrep;
mod openapi;
mod permits;
mod server;
mod streams;
mod tls;
mod walk;
mod wire;
