//! Swap -> last of N streaming clients, beside a bare actix-web broadcast of the same bytes.
//!
//! The server and its clients are two processes: 10,000 streams are 20,000 sockets, more than one process may open.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::{App, HttpResponse, HttpServer, web};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nanoseconds of the machine's clock: comparable between processes of one machine.
pub fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos()
}

/// The second process: opens N event streams and says, for every wave of events, when the last stream had it.
pub fn clients(arguments: &[String]) {
    let address: SocketAddr = arguments[0].parse().expect("address");
    let path = arguments[1].clone();
    let count: usize = arguments[2].parse().expect("count");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    runtime.block_on(async move {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..count {
            let mut socket = connect(address).await;
            let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
            socket.write_all(head.as_bytes()).await.expect("send");
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0u8; 1024];
                let mut text = Vec::new();
                loop {
                    let read = socket.read(&mut buffer).await.unwrap_or(0);
                    if read == 0 {
                        let _ = tell.send(false);
                        return;
                    }
                    text.extend_from_slice(&buffer[..read]);
                    // An event ends with an empty line; comments and the head are none.
                    while let Some(end) = text.windows(2).position(|w| w == b"\n\n") {
                        let event = text.drain(..end + 2).collect::<Vec<u8>>();
                        if event.windows(5).any(|w| w == b"data:") {
                            let _ = tell.send(true);
                        }
                    }
                }
            });
        }
        let mut seen = 0usize;
        while let Some(good) = told.recv().await {
            assert!(good, "a stream ended");
            seen += 1;
            if seen == count {
                seen = 0;
                println!("{}", now());
                std::io::stdout().flush().expect("tell");
            }
        }
    });
}

async fn connect(address: SocketAddr) -> TcpStream {
    for _ in 0..50 {
        if let Ok(socket) = TcpStream::connect(address).await {
            return socket;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("cannot connect to {address}");
}

/// The floor: bare actix-web, one event to everybody for each line on standard input.
pub fn floor() {
    actix_web::rt::System::new().block_on(async {
        let (send, _) = tokio::sync::watch::channel(0u64);
        let shared = web::Data::new(send);
        let inner = shared.clone();
        let server =
            HttpServer::new(move || App::new().app_data(inner.clone()).route("/events", web::get().to(events)))
                .workers(2)
                .backlog(8192)
                .max_connections(30_000)
                .bind(("127.0.0.1", 0))
                .expect("bind");
        println!("{}", server.addrs()[0]);
        std::thread::spawn(move || {
            for _ in std::io::stdin().lock().lines() {
                shared.send_modify(|n| *n += 1);
            }
            std::process::exit(0);
        });
        server.run().await.expect("serve");
    });
}

async fn events(sender: web::Data<tokio::sync::watch::Sender<u64>>) -> HttpResponse {
    let mut receiver = sender.subscribe();
    receiver.mark_changed();
    let event = bytes::Bytes::from_static(EVENT);
    let stream = futures_util::stream::unfold(receiver, move |mut receiver| {
        let event = event.clone();
        async move {
            receiver.changed().await.ok()?;
            receiver.borrow_and_update();
            Some((Ok::<_, actix_web::Error>(event), receiver))
        }
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(stream)
}

/// As long as one of ours.
const EVENT: &[u8] =
    b"id: 611349609\ndata: {\"etag\":\"6113496094ec91d3a32d3751c399a06979cb9161\",\"type\":\"refetchEvaluation\"}\n\n";

/// A process with a pipe either way.
pub struct Piped {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<std::process::ChildStdout>,
}

impl Piped {
    /// Starts this program again with other arguments.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("output"));
        Self { child, input, output }
    }

    /// The next line it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    /// Sends it a line.
    pub fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().expect("input");
        writeln!(input, "{line}").expect("tell");
        input.flush().expect("tell");
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a process, bytes.
pub fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The figures of one server with `count` streams: milliseconds of each wave, bytes a stream.
fn waves(server: &mut Piped, address: &str, path: &str, count: usize) -> (Vec<f64>, u64) {
    let before = resident(server.id());
    let mut clients = Piped::start(&["--clients", address, path, &count.to_string()]);
    clients.line(); // the event that greets every stream
    let each = resident(server.id()).saturating_sub(before) / count as u64;
    let mut times = Vec::new();
    for wave in 0..if crate::quick() { 3 } else { 9 } {
        let begin = now();
        server.tell(&format!("wave {wave}"));
        let end: u128 = clients.line().parse().expect("a time");
        times.push((end.saturating_sub(begin)) as f64 / 1e6);
    }
    times.sort_by(f64::total_cmp);
    (times, each)
}

pub async fn run() {
    println!(
        "\nfan-out: swap -> the last of N event streams, milliseconds (aim: within 1.2 of bare; under 8 KiB a stream)"
    );
    for count in [1_000usize, 10_000] {
        let count = if crate::quick() { count / 10 } else { count };
        let mut bare = Piped::start(&["--floor-streams"]);
        let address = bare.line();
        let (floor, floor_each) = waves(&mut bare, &address, "/events", count);
        drop(bare);
        let mut ours = Piped::start(&["--daemon", "streams"]);
        let address = ours.line();
        let path = "/client/v2/environments/default/namespaces/default/stream";
        let (mine, mine_each) = waves(&mut ours, &address, path, count);
        let middle = |v: &[f64]| v[v.len() / 2];
        let ratio = middle(&mine) / middle(&floor);
        println!(
            "{count:>6} streams: ours {:.1} (max {:.1})   bare {:.1} (max {:.1})   ratio {ratio:.2} ({})   memory {:.1} KiB a stream, bare {:.1} ({})",
            middle(&mine),
            mine.last().expect("a wave"),
            middle(&floor),
            floor.last().expect("a wave"),
            if ratio <= 1.2 { "reached" } else { "not reached" },
            mine_each as f64 / 1024.0,
            floor_each as f64 / 1024.0,
            if mine_each < 8 * 1024 { "reached" } else { "not reached" },
        );
    }
}
