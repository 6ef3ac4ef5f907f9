//! What a push says and is told, as bytes: Git's protocol of version 0, which is all that `receive-pack` speaks.
//!
//! Pure. The server names its references and what it can do, the client one change and a pack, the server what became of
//! it (gitprotocol-pack, "Pushing Data To a Server").

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gix::ObjectId;
use gix::hash::Kind;

use crate::limits;

/// What a server says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advertisement {
    /// Its references, by whole name.
    pub(super) references: BTreeMap<String, ObjectId>,
    /// Other commits that it has.
    pub(super) have: Vec<ObjectId>,
    /// What it can do.
    pub(super) capabilities: Vec<String>,
    /// How it makes its ids.
    pub(super) format: Kind,
}

impl Advertisement {
    pub(super) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }
}

/// One packet: its text, or `None` for a flush.
type Packet<'a> = Option<&'a [u8]>;

/// The packet that bytes begin with, and what is behind it; `None` if it is not whole yet.
fn packet(bytes: &[u8]) -> Result<Option<(Packet<'_>, &[u8])>, String> {
    let Some((head, rest)) = bytes.split_at_checked(4) else { return Ok(None) };
    let length = std::str::from_utf8(head).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
    match length {
        None => Err("it does not speak in packets".to_owned()),
        Some(0) => Ok(Some((None, rest))),
        Some(1..=3) => Err("it speaks another version of the protocol".to_owned()),
        Some(length) => Ok(rest.split_at_checked(length.saturating_sub(4)).map(|(text, rest)| (Some(text), rest))),
    }
}

/// Whether an advertisement is whole: it ends with a flush, and over HTTP begins with a line that has one of its own.
pub(super) fn is_whole(mut bytes: &[u8]) -> Result<bool, String> {
    let mut announced = false;
    while let Some((text, rest)) = packet(bytes)? {
        bytes = rest;
        match text {
            Some(text) => announced = text.starts_with(b"# service="),
            None if announced => announced = false,
            None => return Ok(true),
        }
    }
    Ok(false)
}

/// Reads what a server says first.
pub(super) fn advertisement(mut bytes: &[u8]) -> Result<Advertisement, String> {
    let odd = || "what it says of its references makes no sense".to_owned();
    let mut found =
        Advertisement { references: BTreeMap::new(), have: Vec::new(), capabilities: Vec::new(), format: Kind::Sha1 };
    let mut announced = false;
    let mut first = true;
    loop {
        let Some((text, rest)) = packet(bytes)? else { return Err("it ends in the middle".to_owned()) };
        bytes = rest;
        let Some(text) = text else {
            if std::mem::take(&mut announced) {
                continue;
            }
            return Ok(found);
        };
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        if let Some(said) = text.strip_prefix(b"ERR ") {
            return Err(String::from_utf8_lossy(said).into_owned());
        }
        if text.starts_with(b"# service=") {
            announced = true;
            continue;
        }
        if text.starts_with(b"version ") || text.starts_with(b"shallow ") {
            continue;
        }
        let line = if std::mem::take(&mut first) {
            let mut parts = text.splitn(2, |byte| *byte == 0);
            let line = parts.next().unwrap_or_default();
            let capabilities = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
            found.capabilities = capabilities.split_ascii_whitespace().map(str::to_owned).collect();
            found.format = format(&found.capabilities)?;
            line
        } else {
            text
        };
        let line = std::str::from_utf8(line);
        // A name that is no UTF-8 is none that anybody pushes to.
        let Ok(line) = line else { continue };
        let (id, name) = line.split_once(' ').ok_or_else(odd)?;
        let id = ObjectId::from_hex(id.as_bytes()).map_err(|_| odd())?;
        if id.kind() != found.format {
            return Err(odd());
        }
        match name {
            "capabilities^{}" => {}
            ".have" => found.have.push(id),
            name if name.ends_with("^{}") => {}
            name => {
                found.references.insert(name.to_owned(), id);
            }
        }
    }
}

fn format(capabilities: &[String]) -> Result<Kind, String> {
    match capabilities.iter().find_map(|capability| capability.strip_prefix("object-format=")) {
        None | Some("sha1") => Ok(Kind::Sha1),
        Some("sha256") => Ok(Kind::Sha256),
        Some(_) => Err("its object format is neither sha1 nor sha256".to_owned()),
    }
}

/// What is asked for: one reference from here to there, of which either may be nothing.
pub(super) fn command(
    reference: &str,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
    server: &Advertisement,
    agent: &str,
) -> Vec<u8> {
    let nothing = server.format.null();
    let (old, new) = (old.unwrap_or(nothing), new.unwrap_or(nothing));
    let mut line = format!("{old} {new} {reference}\0 report-status");
    for capability in ["side-band-64k", "quiet"] {
        if server.can(capability) {
            line.push(' ');
            line.push_str(capability);
        }
    }
    if server.capabilities.iter().any(|known| known.starts_with("object-format=")) {
        let _ = write!(line, " object-format={}", server.format);
    }
    if server.capabilities.iter().any(|known| known.starts_with("agent=")) {
        let _ = write!(line, " agent={agent}");
    }
    format!("{:04x}{line}0000", line.len() + 4).into_bytes()
}

/// What a server answers, as it comes in.
#[derive(Debug, Default)]
pub(super) struct Answer {
    side_band: bool,
    unread: Vec<u8>,
    report: Vec<u8>,
    said: Vec<u8>,
    over: bool,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is done.
    Done,
    /// It is not, for this reason.
    Refused(String),
}

impl Answer {
    pub(super) fn new(server: &Advertisement) -> Self {
        Self { side_band: server.can("side-band-64k"), ..Self::default() }
    }

    /// Whether nothing more is to come.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Takes what has come.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.unread.extend_from_slice(bytes);
        let unread = std::mem::take(&mut self.unread);
        let mut rest = unread.as_slice();
        while let Some((text, behind)) = packet(rest)? {
            if !self.side_band {
                self.report.extend_from_slice(rest.get(..rest.len() - behind.len()).unwrap_or_default());
            }
            match text {
                None => self.over = true,
                Some(_) if !self.side_band => {}
                Some([1, report @ ..]) => self.report.extend_from_slice(report),
                Some([2 | 3, said @ ..]) => {
                    let room = limits::GIT_STDERR_BYTES.saturating_sub(self.said.len());
                    self.said.extend_from_slice(said.get(..said.len().min(room)).unwrap_or_default());
                }
                Some(_) => return Err("it speaks on a band that there is not".to_owned()),
            }
            rest = behind;
        }
        self.unread = rest.to_vec();
        Ok(())
    }

    /// What people are meant to read.
    pub(super) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }

    /// What became of the push to a reference, if the server has said all of it.
    pub(super) fn verdict(&self, reference: &str) -> Option<Verdict> {
        let mut rest = self.report.as_slice();
        let (mut unpacked, mut verdict) = (None, None);
        loop {
            let (text, behind) = packet(rest).ok()??;
            rest = behind;
            let Some(text) = text else { break };
            let text = String::from_utf8_lossy(text).trim_end().to_owned();
            if let Some(said) = text.strip_prefix("unpack ") {
                unpacked = Some(said.to_owned());
            } else if text.strip_prefix("ok ") == Some(reference) {
                verdict = Some(Verdict::Done);
            } else if let Some((name, why)) = text.strip_prefix("ng ").and_then(|text| text.split_once(' '))
                && name == reference
            {
                verdict = Some(Verdict::Refused(why.to_owned()));
            }
        }
        match (unpacked.as_deref(), verdict) {
            (Some("ok") | None, verdict) => verdict,
            // What it could not unpack it has not taken; which of its complaints is the cause is in this one.
            (Some(why), _) => Some(Verdict::Refused(format!("unpacker error: {why}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(lines: &[Option<&[u8]>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for line in lines {
            match line {
                None => bytes.extend_from_slice(b"0000"),
                Some(line) => {
                    bytes.extend_from_slice(format!("{:04x}", line.len() + 4).as_bytes());
                    bytes.extend_from_slice(line);
                }
            }
        }
        bytes
    }

    const ID: &str = "1111111111111111111111111111111111111111";

    fn server(capabilities: &str) -> Advertisement {
        let line = format!("{ID} refs/heads/main\0{capabilities}\n");
        advertisement(&packets(&[Some(line.as_bytes()), None])).unwrap()
    }

    #[test]
    fn an_advertisement_is_read_with_and_without_its_announcement() {
        let first = format!("{ID} refs/heads/main\0report-status delete-refs side-band-64k object-format=sha1\n");
        let lines: [Option<&[u8]>; 4] = [
            Some(first.as_bytes()),
            Some(b"2222222222222222222222222222222222222222 .have\n"),
            Some(b"shallow x"),
            None,
        ];
        let plain = packets(&lines);
        let mut announced = packets(&[Some(b"# service=git-receive-pack\n"), None]);
        announced.extend_from_slice(&plain);
        for bytes in [&plain, &announced] {
            let read = advertisement(bytes).unwrap();
            assert_eq!(read.references.get("refs/heads/main").unwrap().to_string(), ID);
            assert_eq!((read.references.len(), read.have.len(), read.format), (1, 1, Kind::Sha1));
            assert!(read.can("delete-refs") && !read.can("delete"));
            assert!(is_whole(bytes).unwrap());
            for end in 0..bytes.len() {
                assert!(!is_whole(&bytes[..end]).unwrap_or(false), "{end}");
                assert!(advertisement(&bytes[..end]).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn an_empty_repository_has_capabilities_and_nothing_else() {
        let null = "0".repeat(64);
        let line = format!("{null} capabilities^{{}}\0report-status object-format=sha256");
        let read = advertisement(&packets(&[Some(line.as_bytes()), None])).unwrap();
        assert!(read.references.is_empty() && read.format == Kind::Sha256);
    }

    #[test]
    fn what_is_no_advertisement_is_no_panic() {
        for bytes in [&b"<html>"[..], b"0003", b"0002", b"0008nope0000", b"ffff", b"0004", b"zzzz", b""] {
            assert!(advertisement(bytes).is_err(), "{bytes:?}");
        }
        let error = advertisement(&packets(&[Some(b"ERR access denied\n")])).unwrap_err();
        assert_eq!(error, "access denied");
        let sha1 = format!("{ID} refs/heads/main\0object-format=sha256");
        assert!(advertisement(&packets(&[Some(sha1.as_bytes()), None])).is_err());
        let other = format!("{ID} refs/heads/main\0object-format=blake3");
        assert!(advertisement(&packets(&[Some(other.as_bytes()), None])).is_err());
    }

    #[test]
    fn a_command_names_what_the_server_can_and_no_more() {
        let new = ObjectId::from_hex(ID.as_bytes()).unwrap();
        let bare = command("refs/heads/a", None, Some(new), &server("report-status"), "git/x");
        let line = format!("{} {ID} refs/heads/a\0 report-status", "0".repeat(40));
        assert_eq!(bare, packets(&[Some(line.as_bytes()), None]));
        let all = server("report-status side-band-64k quiet atomic object-format=sha1 agent=git/2");
        let full = command("refs/heads/a", Some(new), None, &all, "git/x");
        let line = format!(
            "{ID} {} refs/heads/a\0 report-status side-band-64k quiet object-format=sha1 agent=git/x",
            "0".repeat(40)
        );
        assert_eq!(full, packets(&[Some(line.as_bytes()), None]));
    }

    fn report(lines: &[&[u8]]) -> Vec<u8> {
        let mut all: Vec<Option<&[u8]>> = lines.iter().map(|line| Some(*line)).collect();
        all.push(None);
        packets(&all)
    }

    #[test]
    fn a_report_is_read_on_its_band_and_alone_however_it_is_cut() {
        let cases: [(Vec<u8>, Option<Verdict>); 5] = [
            (report(&[b"unpack ok\n", b"ok refs/heads/main\n"]), Some(Verdict::Done)),
            (
                report(&[b"unpack ok\n", b"ng refs/heads/main pre-receive hook declined\n"]),
                Some(Verdict::Refused("pre-receive hook declined".to_owned())),
            ),
            (
                report(&[b"unpack index-pack failed\n", b"ng refs/heads/main unpacker error\n"]),
                Some(Verdict::Refused("unpacker error: index-pack failed".to_owned())),
            ),
            (report(&[b"unpack ok\n", b"ok refs/heads/other\n"]), None),
            (report(&[]), None),
        ];
        for (report, expected) in cases {
            let mut banded = vec![1];
            banded.extend_from_slice(&report);
            let framed = packets(&[Some(b"\x02remote: hello\n"), Some(&banded), None]);
            for (capability, bytes) in [("side-band-64k", &framed), ("", &report)] {
                for step in [1, 7, bytes.len()] {
                    let mut answer = Answer::new(&server(capability));
                    for piece in bytes.chunks(step) {
                        assert!(!answer.is_over());
                        answer.take(piece).unwrap();
                    }
                    assert!(answer.is_over());
                    assert_eq!(answer.verdict("refs/heads/main"), expected);
                    assert_eq!(answer.said().is_empty(), capability.is_empty());
                }
            }
            let mut cut = Answer::new(&server("side-band-64k"));
            cut.take(&framed[..framed.len() - 8]).unwrap();
            assert_eq!(cut.verdict("refs/heads/main"), None);
        }
    }
}
