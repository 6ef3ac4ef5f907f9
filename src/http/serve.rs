//! The listeners: bound, run and drained here, and nowhere else.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{RequestHead, Server, ServerHandle, Service, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::future::{Either, ready};
use rustls::ServerConfig;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::task::JoinHandle;

use super::certificate::Certificate;
use super::unread::Chunked;
use super::{BREAK_GLASS, State, cors, routes, webhooks};
use crate::config;
use crate::fault::Class;
use crate::limits;
use crate::serve::streams::ROWS;
use crate::write::glass::Told;

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken, not ours, or no address.
    #[error("cannot listen on {host}:{port}")]
    Address {
        /// As configured.
        host: String,
        /// As configured.
        port: u16,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A file of the certificate cannot be read.
    #[error("cannot read the certificate or key in {path}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate and the key cannot be used.
    #[error("cannot use the certificate and key")]
    Tls(#[source] rustls::Error),
}

impl BindError {
    /// What is to be done.
    #[must_use]
    pub const fn class(&self) -> Class {
        Class::Operator
    }
}

/// The open listeners, serving.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    webhook_address: Option<SocketAddr>,
    certificate: Option<Arc<Certificate>>,
    servers: Vec<(ServerHandle, JoinHandle<std::io::Result<()>>)>,
    ticker: JoinHandle<()>,
    state: Arc<State>,
}

/// Opens the listeners of the configuration and serves on them. Needs a tokio runtime around it.
///
/// # Errors
/// An address or a certificate that cannot be used. Then nothing is left open.
pub fn bind(state: &Arc<State>, server: &config::Server) -> Result<Listening, BindError> {
    let main = listen(&server.host, server.port)?;
    let webhook = server.webhook.as_ref().map(|webhook| listen(&webhook.host, webhook.port)).transpose()?;
    let address = local(&main, &server.host, server.port)?;
    let webhook_address = match (&webhook, &server.webhook) {
        (Some(listener), Some(config)) => Some(local(listener, &config.host, config.port)?),
        _ => None,
    };
    let certificate = server.tls.as_ref().map(Certificate::read).transpose()?.map(Arc::new);
    let tls = certificate.clone().map(Certificate::server).transpose()?;
    let api = routes(state.clone());
    let webhooks = webhooks::routes(state.ingest.clone());
    let servers = if let (Some(listener), Some(config)) = (webhook, &server.webhook) {
        vec![
            start(main, tls.clone(), state.clone(), api, &server.host, server.port)?,
            start(listener, tls, state.clone(), webhooks, &config.host, config.port)?,
        ]
    } else {
        let both = move |services: &mut ServiceConfig| {
            api(services);
            webhooks(services);
        };
        vec![start(main, tls, state.clone(), both, &server.host, server.port)?]
    };
    let (streams, clock) = (state.environments.streams().clone(), state.clock.clone());
    let ticker = tokio::spawn(async move {
        let rows = u32::try_from(ROWS).unwrap_or(1);
        let mut beat = tokio::time::interval(limits::STREAM_KEEP_ALIVE / rows);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            streams.tick();
            streams.wake_by(clock.now());
        }
    });
    Ok(Listening { address, webhook_address, certificate, servers, ticker, state: state.clone() })
}

impl Listening {
    /// Address of the main listener.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address of the listener for webhooks only, where there is one.
    #[must_use]
    pub const fn webhook_address(&self) -> Option<SocketAddr> {
        self.webhook_address
    }

    /// The certificate, where https is spoken.
    #[must_use]
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.certificate.clone()
    }

    /// Stops: no new connections, streams end, requests under way are finished within
    /// [`limits::DRAIN_DEADLINE`], then everything is closed.
    pub async fn stop(self) {
        self.state.draining.store(true, Ordering::Release);
        self.state.ingest.drain();
        self.state.environments.streams().drain();
        for (handle, _) in &self.servers {
            // Only asks: all listeners drain at the same time, and are awaited below.
            drop(handle.stop(true));
        }
        for (_, server) in self.servers {
            match server.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a listener ended with an error"),
                Err(error) => tracing::error!(%error, "a listener broke off"),
            }
        }
        self.ticker.abort();
    }
}

fn listen(host: &str, port: u16) -> Result<TcpListener, BindError> {
    let failed = |source| BindError::Address { host: host.to_owned(), port, source };
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs().map_err(failed)? {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(failed(last))
}

fn listen_on(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restart must not wait for the connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(limits::BACKLOG).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

fn local(listener: &TcpListener, host: &str, port: u16) -> Result<SocketAddr, BindError> {
    listener.local_addr().map_err(|source| BindError::Address { host: host.to_owned(), port, source })
}

fn start(
    listener: TcpListener,
    tls: Option<ServerConfig>,
    state: Arc<State>,
    routes: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    host: &str,
    port: u16,
) -> Result<(ServerHandle, JoinHandle<std::io::Result<()>>), BindError> {
    let server = HttpServer::new(move || app(state.clone(), routes.clone()))
        .disable_signals()
        .backlog(limits::BACKLOG)
        .max_connections(limits::CONNECTIONS_PER_WORKER)
        .keep_alive(limits::KEEP_ALIVE)
        .client_request_timeout(limits::HEAD_DEADLINE)
        .client_disconnect_timeout(Duration::from_secs(1))
        .tls_handshake_timeout(limits::HEAD_DEADLINE)
        .shutdown_timeout(limits::DRAIN_DEADLINE.as_secs())
        .on_connect(|connection, _| {
            use actix_tls::accept::rustls_0_23::TlsStream;
            use actix_web::rt::net::TcpStream;
            // What the reader does not take, or the network does not carry, ends the connection: nothing above the
            // kernel notices a stream whose client is gone or has stopped reading.
            let plain = connection.downcast_ref::<TcpStream>();
            let tls = || connection.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
            if let Some(stream) = plain.or_else(tls) {
                let socket = SockRef::from(stream);
                let _ = socket.set_tcp_nodelay(true);
                #[cfg(target_os = "linux")]
                let _ = socket.set_tcp_user_timeout(Some(limits::UNACKNOWLEDGED));
            }
        });
    let failed = |source| BindError::Address { host: host.to_owned(), port, source };
    let server = match tls {
        Some(config) => server.listen_rustls_0_23(listener, config),
        None => server.listen(listener),
    };
    let server: Server = server.map_err(failed)?.run();
    Ok((server.handle(), tokio::spawn(server)))
}

/// The application of one worker: the routes, and around them what concerns every request.
fn app<R: Fn(&mut ServiceConfig)>(
    state: Arc<State>,
    routes: R,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    > + use<R>,
> {
    App::new().configure(routes).wrap_fn(move |mut request, service| {
        let chunked = Chunked::of(&mut request);
        let cors = state.settings.load().cors.clone();
        let preflight = cors.as_ref().and_then(|cors| cors::preflight(cors, request.head()));
        let answer = ambiguous(request.head()).or(preflight);
        let is_early = answer.is_some();
        let writers = state.writers.clone();
        let origin = cors.as_ref().and_then(|_| request.headers().get(header::ORIGIN).cloned());
        let response = match answer {
            Some(answer) => Either::Left(ready(Ok(request.into_response(answer)))),
            None => Either::Right(service.call(request)),
        };
        async move {
            let mut response = response.await?;
            if let Some(told) = writers.glass() {
                warn(&told, response.headers_mut());
            }
            if let Some(cors) = cors.filter(|_| !is_early) {
                let origin = origin.as_ref().and_then(|origin| origin.to_str().ok());
                cors::decorate(&cors, origin, response.headers_mut());
            }
            Ok(match chunked {
                Some(chunked) => chunked.keep_in(response),
                None => response,
            })
        }
    })
}

/// Says in every answer that something is served which the provider does not have.
fn warn(told: &Told, headers: &mut HeaderMap) {
    if let Ok(line) = HeaderValue::from_str(&told.line) {
        headers.insert(BREAK_GLASS, line);
    }
}

/// A request that says both how long its body is and that it comes in chunks. A proxy in front may have believed the
/// one where the server below believes the other, and what is the end of a body to one is a request to the other. So
/// nobody believes either (RFC 9112, section 6.3).
fn ambiguous(head: &RequestHead) -> Option<HttpResponse> {
    let has = |name| head.headers().contains_key(name);
    (has(header::TRANSFER_ENCODING) && has(header::CONTENT_LENGTH))
        .then(|| HttpResponse::BadRequest().force_close().finish())
}
