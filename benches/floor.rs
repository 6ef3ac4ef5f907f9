//! The floors: what bare actix-web reaches with the same payload on the same machine in the same run.

use std::net::SocketAddr;

use actix_web::{App, HttpResponse, HttpServer, web};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A server with nothing of ours in it.
pub struct Floor {
    /// Where it listens.
    pub address: SocketAddr,
}

/// Starts it on its own thread, with as many workers as ours has.
pub fn start(snapshot: bytes::Bytes, workers: usize) -> Floor {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = HttpServer::new(move || {
                let snapshot = snapshot.clone();
                App::new()
                    .app_data(web::PayloadConfig::new(32 << 20))
                    .app_data(web::JsonConfig::default().content_type(|_| true))
                    .route("/hash", web::post().to(hash))
                    .route("/echo", web::post().to(echo))
                    .route(
                        "/bytes",
                        web::get().to(move || {
                            let snapshot = snapshot.clone();
                            async move { HttpResponse::Ok().content_type("application/json").body(snapshot) }
                        }),
                    )
                    .route(
                        "/same",
                        web::get().to(|| async { HttpResponse::NotModified().insert_header(("Etag", "x")).finish() }),
                    )
            })
            .workers(workers)
            .bind(("127.0.0.1", 0))
            .expect("bind");
            tell.send(server.addrs()[0]).expect("tell");
            server.run().await.expect("serve");
        });
    });
    Floor { address: told.recv().expect("the floor's address") }
}

/// Reads a body and hashes it: the least that a signed webhook costs.
async fn hash(body: web::Bytes) -> HttpResponse {
    let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").expect("a key");
    mac.update(&body);
    let digest = mac.finalize().into_bytes();
    HttpResponse::Accepted().insert_header(("X-First", digest[0].to_string())).finish()
}

/// Parses JSON and writes it back.
async fn echo(body: web::Json<serde_json::Value>) -> HttpResponse {
    HttpResponse::Ok().json(body.into_inner())
}
