//! The load: keep-alive HTTP/1.1 over raw sockets, so that the generator costs little beside the server on two cores.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a round measured.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Answers a second.
    pub rate: f64,
    /// Median, microseconds.
    pub p50: f64,
    /// 99th percentile, microseconds.
    pub p99: f64,
}

/// One request as bytes.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut out = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        out.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    out.extend_from_slice(body);
    out
}

/// Sends `requests` (each connection begins at another one) over `connections` for `time` and expects `status`.
pub async fn run(address: SocketAddr, requests: &[Vec<u8>], connections: usize, time: Duration, status: u16) -> Round {
    let end = Instant::now() + time;
    let mut tasks = Vec::new();
    for connection in 0..connections {
        let requests = requests.to_vec();
        tasks.push(tokio::spawn(async move {
            let mut socket = TcpStream::connect(address).await.expect("connect");
            socket.set_nodelay(true).expect("nodelay");
            let mut times = Vec::with_capacity(1 << 16);
            let mut buffer = Vec::with_capacity(1 << 16);
            let mut next = connection;
            while Instant::now() < end {
                let begin = Instant::now();
                socket.write_all(&requests[next % requests.len()]).await.expect("send");
                next += 1;
                let got = answer(&mut socket, &mut buffer).await;
                assert_eq!(got, status, "{}", String::from_utf8_lossy(&buffer[..buffer.len().min(400)]));
                times.push(u32::try_from(begin.elapsed().as_nanos()).unwrap_or(u32::MAX));
            }
            times
        }));
    }
    let begin = Instant::now();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("a connection"));
    }
    let elapsed = begin.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |q: f64| f64::from(times[((times.len() - 1) as f64 * q) as usize]) / 1000.0;
    Round { rate: times.len() as f64 / elapsed, p50: at(0.5), p99: at(0.99) }
}

/// Reads one answer with a length (or none, for 304) and says its status.
async fn answer(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> u16 {
    buffer.clear();
    loop {
        let read = socket.read_buf(buffer).await.expect("receive");
        assert!(read > 0, "the server hung up");
        if let Some(head) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let text = std::str::from_utf8(&buffer[..head]).expect("head").to_owned();
            let status = text.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("status");
            let length = text
                .lines()
                .find_map(|l| l.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case("content-length")))
                .map_or(0, |(_, v)| v.trim().parse::<usize>().expect("length"));
            let whole = head + 4 + if status == 304 { 0 } else { length };
            while buffer.len() < whole {
                let read = socket.read_buf(buffer).await.expect("receive");
                assert!(read > 0, "the server hung up");
            }
            return status;
        }
    }
}

/// Alternates rounds of ours and of the floor and prints the best of each with their ratio. Returns the ratio.
pub async fn compare(
    name: &str,
    ours: (SocketAddr, &[Vec<u8>], u16),
    floor: (SocketAddr, &[Vec<u8>], u16),
    aim: f64,
) -> f64 {
    let (mut best_ours, mut best_floor) = (None::<Round>, None::<Round>);
    let keep = |best: &mut Option<Round>, round: Round| {
        if best.is_none_or(|b| b.rate < round.rate) {
            *best = Some(round);
        }
    };
    for _ in 0..crate::rounds() {
        keep(&mut best_floor, run(floor.0, floor.1, 32, crate::round_time(), floor.2).await);
        keep(&mut best_ours, run(ours.0, ours.1, 32, crate::round_time(), ours.2).await);
    }
    let (ours, floor) = (best_ours.expect("a round"), best_floor.expect("a round"));
    let ratio = ours.rate / floor.rate;
    println!(
        "{name:<44} {:>9.0}/s  p50 {:>6.0} us  p99 {:>6.0} us   bare {:>9.0}/s   ratio {ratio:.2} (aim {aim:.2}: {})",
        ours.rate,
        ours.p50,
        ours.p99,
        floor.rate,
        if ratio >= aim { "reached" } else { "not reached" }
    );
    ratio
}
