//! A server of the demonstration: one thread on a free port of loopback, with one function that answers everything.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::{Handler, ServerHandle};
use actix_web::{App, FromRequest, HttpServer, Responder, web};
use tokio::task::JoinHandle;

use super::forge::Error;
use crate::limits;

/// A port that nobody answers at yet.
#[derive(Debug)]
pub(super) struct Port {
    listener: TcpListener,
    address: SocketAddr,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Loopback {
    server: ServerHandle,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Port {
    /// Any that is free.
    pub(super) fn free() -> Result<Self, Error> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::Listen)?;
        let address = listener.local_addr().map_err(Error::Listen)?;
        Ok(Self { listener, address })
    }

    /// Scheme, host and port.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has `answer` answer here, which finds `shared` among the data of the application.
    pub(super) fn serve<S, A, H>(self, shared: web::Data<S>, answer: H) -> Result<Loopback, Error>
    where
        S: Send + Sync + 'static,
        A: FromRequest + 'static,
        H: Handler<A> + Send,
        H::Output: Responder + 'static,
    {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::PayloadConfig::new(limits::DEMO_GIT_REQUEST_BYTES))
                .default_service(web::to(answer.clone()))
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(1)
        .listen(self.listener)
        .map_err(Error::Listen)?
        .run();
        Ok(Loopback { server: server.handle(), serving: tokio::spawn(server) })
    }
}

impl Loopback {
    /// Ends it; connections that are open are closed.
    pub(super) async fn stop(self) {
        self.server.stop(false).await;
        // The server's own task ends with it; how, is of no use to anybody now.
        let _ = self.serving.await;
    }
}
