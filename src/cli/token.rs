//! `yardarm token`: makes, lists and revokes tokens in the file that the daemon follows
//! (`authentication.methods.token.storage.file`).
//!
//! A token is printed once, alone, on standard output, so that it can go straight to where it is kept; everything that
//! is for people is on standard error. Afterwards nobody knows it but who took it: the file has its hash.

mod shelf;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ring::rand::{SecureRandom as _, SystemRandom};

use self::shelf::ShelfError;
use super::{Exit, Process, print};
use crate::auth::file::{Entry, TokenFile};
use crate::auth::tokens::{Digest, RANDOM_BYTES, Token, is_name, spell};
use crate::auth::{Scope, Scopes};
use crate::clock::{Clock as _, System};
use crate::limits;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, and print it: once, and never again.
    ///
    /// A scope is evaluate, read, propose, write, break-glass or admin, each including those before it; alone it is for everything,
    /// as write:staging/payments for one namespace, as read:team-* for all environments that begin so.
    ///
    /// Ends with 0 if the token is in the file, 1 if it could not be written, 2 if it was asked wrongly.
    Create {
        /// Who it is for; in logs and lists.
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What it may do; may be given several times.
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// When it ends: 12h, 90d, 52w, 2027-01-30, 2027-01-30T09:00:00Z, or never.
        #[arg(long, value_name = "WHEN", default_value = "90d")]
        expires: String,
        #[command(flatten)]
        file: FileArgument,
    },
    /// Print the tokens of a file: names, scopes and times. Nobody can print a token again.
    ///
    /// Ends with 0, or with 1 if the file cannot be read.
    List {
        #[command(flatten)]
        file: FileArgument,
    },
    /// Take a token out of the file. A running daemon ends its streams and refuses it within seconds.
    ///
    /// Ends with 0 if it is gone, 1 if there is none of this name or the file could not be written.
    Revoke {
        /// Its name.
        name: String,
        #[command(flatten)]
        file: FileArgument,
    },
}

#[derive(Debug, Args)]
pub(super) struct FileArgument {
    /// The file of tokens, as the configuration names it.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

/// Runs one of them.
pub(super) fn run(command: TokenCommand, process: &mut Process<'_>) -> Exit {
    // Whole seconds read better.
    let now = Timestamp::from_second(System.now().as_second()).unwrap_or_default();
    let done = match command {
        TokenCommand::Create { name, scopes, expires, file } => {
            create(&name, &scopes, &expires, &file.file, now, process)
        }
        TokenCommand::List { file } => list(&file.file, now, process),
        TokenCommand::Revoke { name, file } => revoke(&name, &file.file, process),
    };
    match done {
        Ok(()) => Exit::Success,
        Err((exit, message)) => {
            print(process.err, &format!("yardarm: {message}\n"));
            exit
        }
    }
}

type Done = Result<(), (Exit, String)>;

fn create(
    name: &str,
    scopes: &[String],
    expires: &str,
    file: &Path,
    now: Timestamp,
    process: &mut Process<'_>,
) -> Done {
    let wrong = |message: String| (Exit::Usage, message);
    if !is_name(name) {
        return Err(wrong(format!("a name has 1 to {} visible characters", limits::NAME_CHARACTERS)));
    }
    if scopes.len() > limits::SCOPES {
        return Err(wrong(format!("a token has at most {} scopes", limits::SCOPES)));
    }
    let parsed = scopes.iter().map(|text| text.parse::<Scope>().map_err(|error| wrong(format!("{text:?}: {error}"))));
    let scopes = Scopes::of(parsed.collect::<Result<Vec<_>, _>>()?);
    let expires = end(expires, now).map_err(wrong)?;
    let mut random = [0; RANDOM_BYTES];
    SystemRandom::new().fill(&mut random).map_err(|_| failed(file, "the system gives no random numbers"))?;
    let secret = spell(&random);
    let shown = format!("{scopes}; {}", expires.map_or("never expires".to_owned(), |at| format!("expires {at}")));
    let token = Token { name: name.into(), digest: Digest::of(&secret), scopes, expires };
    change(file, true, |tokens| tokens.add(token, now).map_err(|error| error.to_string()))?;
    if let Err(error) = writeln!(process.out, "{secret}").and_then(|()| process.out.flush()) {
        // Nobody has it, so nobody shall be able to use it.
        let rest = match change(file, false, |tokens| {
            tokens.remove(name);
            Ok(())
        }) {
            Ok(()) => "it is revoked again".to_owned(),
            Err((_, message)) => format!("revoke it: {message}"),
        };
        return Err(failed(file, &format!("the token could not be printed ({error}); {rest}")));
    }
    let told = format!("`{name}` is in {}: {shown}\nThe token is not shown again.\n", file.display());
    print(process.err, &told);
    Ok(())
}

fn list(file: &Path, now: Timestamp, process: &mut Process<'_>) -> Done {
    let tokens = shelf::read(file).map_err(|error| failed(file, &error.to_string()))?;
    print(process.out, &table(tokens.entries(), now));
    Ok(())
}

fn revoke(name: &str, file: &Path, process: &mut Process<'_>) -> Done {
    change(
        file,
        false,
        |tokens| {
            if tokens.remove(name) { Ok(()) } else { Err(format!("there is no token {name:?}")) }
        },
    )?;
    print(process.err, &format!("`{name}` is no longer in {}\n", file.display()));
    Ok(())
}

/// Changes the file, or leaves it as it was.
fn change(file: &Path, create: bool, act: impl FnOnce(&mut TokenFile) -> Result<(), String>) -> Done {
    shelf::change(file, create, |tokens| act(tokens).map_err(ShelfError::Refused))
        .map_err(|error| failed(file, &error.to_string()))
}

fn failed(file: &Path, why: &str) -> (Exit, String) {
    (Exit::Failure, format!("{}: {why}", file.display()))
}

/// When a token ends that shall end then.
fn end(text: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    if text == "never" {
        return Ok(None);
    }
    let after = || {
        let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let hours = match unit {
            "h" => 1,
            "d" => 24,
            "w" => 7 * 24,
            _ => return None,
        };
        let hours = count.parse::<u32>().ok().filter(|count| *count > 0).map(|count| i64::from(count) * hours)?;
        // Whole seconds read better.
        let now = Timestamp::from_second(now.as_second()).ok()?;
        now.checked_add(SignedDuration::from_hours(hours)).ok()
    };
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let time = after().or_else(|| text.parse().ok()).or_else(day);
    let time =
        time.ok_or_else(|| format!("{text:?} is none of 12h, 90d, 52w, 2027-01-30, 2027-01-30T09:00:00Z, never"))?;
    if time <= now { Err(format!("{text:?} is over already")) } else { Ok(Some(time)) }
}

/// A line for each token, its columns under each other.
fn table(entries: &[Entry], now: Timestamp) -> String {
    let day = |time: Timestamp| time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string();
    let mut rows = vec![["NAME", "CREATED", "EXPIRES", "SCOPES"].map(str::to_owned)];
    for Entry { token, created, .. } in entries {
        let expires = match token.expires {
            None => "never".to_owned(),
            Some(at) if at <= now => format!("{} expired", day(at)),
            Some(at) => day(at),
        };
        rows.push([token.name.to_string(), created.map_or("-".to_owned(), day), expires, token.scopes.to_string()]);
    }
    let widths = [0, 1, 2].map(|column| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    });
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths.into_iter().chain([0]));
        let line: Vec<String> = cells.map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", line.join("  ").trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends() {
        let now: Timestamp = "2026-11-23T01:02:03.5Z".parse().unwrap();
        for (text, want) in [
            ("12h", "2026-11-23T13:02:03Z"),
            ("90d", "2027-02-21T01:02:03Z"),
            ("2w", "2026-12-07T01:02:03Z"),
            ("2027-01-30", "2027-01-30T00:00:00Z"),
            ("2027-01-30T09:00:00Z", "2027-01-30T09:00:00Z"),
        ] {
            assert_eq!(end(text, now).unwrap().unwrap().to_string(), want);
        }
        assert_eq!(end("never", now), Ok(None));
        for wrong in ["", "d", "0d", "-1d", "90", "90m", "tomorrow", "99999999999d", "4294967295w", "2020-01-01", "é"]
        {
            assert!(end(wrong, now).is_err(), "{wrong}");
        }
    }
}
