//! Lines of a text around a place in it.

/// Where the line of a place begins.
pub(super) fn start(text: &str, at: usize) -> usize {
    text.as_bytes().get(..at).and_then(|before| before.iter().rposition(|byte| *byte == b'\n')).map_or(0, |at| at + 1)
}

/// Behind the end of the line of a place, its line end included.
pub(super) fn end(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'\n').map_or(text.len(), |found| at + found + 1)
}

/// The column of a place in bytes. What is before a key or dash of a block is ASCII.
pub(super) fn column(text: &str, at: usize) -> usize {
    at - start(text, at)
}

/// What a line says, without its end.
pub(super) fn content(text: &str, at: usize) -> &str {
    text.get(start(text, at)..end(text, at)).unwrap_or_default().trim_end_matches(['\n', '\r'])
}

/// How lines end around a place: as its own, or the one before it.
pub(super) fn eol(text: &str, at: usize) -> &'static str {
    let own = text.get(at..end(text, at)).unwrap_or_default();
    let line = if own.ends_with('\n') { own } else { text.get(..start(text, at)).unwrap_or_default() };
    if line.ends_with("\r\n") { "\r\n" } else { "\n" }
}
