//! What the demonstration prints: who plays, the table, and where to go on by hand. Plain text, for any terminal and
//! any file.

use std::io::{self, Write};

use super::acts::Row;
use super::dialect::Sender;
use super::flags;
use super::stage::Stage;
use crate::limits;

const HEAD: [&str; 7] =
    ["provider", "verified", "push → hook", "hook → fetched", "→ live", "→ last client", "push → last client"];

/// What is set up.
pub(super) fn introduce(out: &mut dyn Write, stage: &Stage) -> io::Result<()> {
    // First of all what one came for: a page to open.
    writeln!(out, "open         {}/ui/", stage.outside.base())?;
    writeln!(out, "daemon       {}", stage.outside.base())?;
    writeln!(out, "git server   {}", stage.forge.place().web_url())?;
    writeln!(out, "clients      {} streams (JSON lines, server-sent events, OFREP)", stage.listeners())?;
    writeln!(out)?;
    out.flush()
}

/// The table, and the line that sums it up.
pub(super) fn write(out: &mut dyn Write, rows: &[Row], clients: usize) -> io::Result<()> {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(cells));
    let widths: [usize; 7] = std::array::from_fn(|n| {
        lines.iter().filter_map(|line| line.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    });
    for (nth, line) in lines.iter().enumerate() {
        let mut text = String::new();
        for (n, (cell, width)) in line.iter().zip(widths).enumerate() {
            // Names to the left, numbers to the right.
            let room = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (left, right) = if n < 2 { (cell, &room) } else { (&room, cell) };
            text.extend([left.as_str(), right.as_str(), "   "]);
        }
        let wrong = nth.checked_sub(1).and_then(|n| rows.get(n)).map_or(String::new(), |row| row.wrong.join(", "));
        let wrong = if wrong.is_empty() { wrong } else { format!("WRONG: {wrong}") };
        writeln!(out, "{}", format!("{text}{wrong}").trim_end())?;
    }
    let good = rows.iter().filter(|row| row.wrong.is_empty()).count();
    let mut whole: Vec<f64> = rows.iter().filter(|row| row.hook.is_some()).filter_map(|row| row.whole).collect();
    whole.sort_by(f64::total_cmp);
    let median = whole.get(whole.len() / 2).copied().unwrap_or(f64::NAN);
    let slowest = whole.last().copied().unwrap_or(f64::NAN);
    writeln!(
        out,
        "\n{good} of {} as they should be; an announced push was with the last of its clients ({clients} in all) after \
         {median:.0} ms (median), {slowest:.0} ms at most",
        rows.len(),
    )?;
    out.flush()
}

/// Where to go on by hand.
pub(super) fn addresses(out: &mut dyn Write, stage: &Stage) -> io::Result<()> {
    let (base, environment) = (stage.outside.base(), Sender::Github.name());
    let (namespace, flag) = (flags::NAMESPACE, flags::FLAG);
    let git = stage.forge.url(Sender::Github);
    writeln!(
        out,
        "\nIt stays up until Ctrl-C; every {} seconds somebody pushes, proposes, approves or merges. To try:\n\
         \n  pages      {base}/ui/   (proposals: {base}/ui/proposals, deliveries: {base}/ui/deliveries)\
         \n  evaluate   curl -s {base}/evaluate/v1/variant -d '{{\"environmentKey\":\"{environment}\",\"namespaceKey\":\"{namespace}\",\"flagKey\":\"{flag}\",\"entityId\":\"you\"}}'\
         \n  OFREP      curl -s {base}/ofrep/v1/evaluate/flags/{flag} -H 'X-Flipt-Environment: {environment}' -H 'X-Flipt-Namespace: {namespace}' -d '{{\"context\":{{\"targetingKey\":\"you\"}}}}'\
         \n  stream     curl -sN {base}/client/v2/environments/{environment}/namespaces/{namespace}/stream\
         \n  events     curl -sN {base}/ofrep/v1/_stream/{environment}/{namespace}/events -H 'Accept: text/event-stream'\
         \n  status     curl -s {base}/api/v2/storages/{environment}\
         \n  deliveries curl -s {base}/api/v2/storages/{environment}/deliveries\
         \n  metrics    curl -s {base}/metrics\
         \n  ready      curl -s {base}/ready\
         \n  flag       curl -s {base}/api/v2/environments/{environment}/namespaces/{namespace}/resources/flipt.core.Flag/{flag}\
         \n  edit       curl -s {base}/api/v2/environments/{environment}/changes -d '{{\"dryRun\":true,\"changes\":[{{\"action\":\"delete\",\"type\":\"flipt.core.Flag\",\"namespace\":\"support\",\"key\":\"chat\"}}]}}'   (without dryRun it is done)\
         \n  git        git clone -b {environment} {git}   (a push to it is found by polling, within 33 s)\
         \n  shop       git clone {git}   (branch main; a push to it is announced by a webhook)",
        limits::DEMO_PAUSE.as_secs(),
    )?;
    out.flush()
}

fn cells(row: &Row) -> [String; 7] {
    let time = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms:.1} ms"));
    [
        row.title.clone(),
        row.verified.clone(),
        time(row.hook),
        time(row.fetched),
        time(row.live),
        time(row.last),
        time(row.whole),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_aligned_and_says_what_is_wrong() {
        let good = Row {
            title: "GitHub".to_owned(),
            verified: "hmac-sha256".to_owned(),
            hook: Some(1.25),
            whole: Some(31.0),
            ..Row::default()
        };
        let bad =
            Row { title: "Gitea".to_owned(), wrong: vec!["2 clients heard nothing".to_owned()], ..Row::default() };
        let mut out = Vec::new();
        write(&mut out, &[good, bad], 10).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let ends: Vec<usize> = lines[..2].iter().map(|line| line.trim_end().chars().count()).collect();
        assert_eq!(ends[0], ends[1], "{text}");
        assert!(lines[1].starts_with("GitHub     hmac-sha256"), "{text}");
        assert!(lines[2].ends_with("WRONG: 2 clients heard nothing"), "{text}");
        assert!(text.contains("1 of 2 as they should be") && text.contains("31 ms (median)"), "{text}");
    }
}
