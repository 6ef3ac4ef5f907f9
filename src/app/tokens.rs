//! Follows the file of tokens while the daemon runs: a token that is made or revoked counts within seconds, and nobody
//! has to say so.
//!
//! The file is looked at once in [`limits::TOKEN_FILE_LOOK`] and read when it is another one, or a changed one. One that
//! is gone or cannot be read changes nothing: what it said last goes on, and the log says so, once. Who writes the file
//! writes another one and renames it (`yardarm token` does), so that nobody ever reads half of one; a half that somebody
//! else's editor leaves for a moment is one that cannot be read.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::auth::file::TokenFile;
use crate::auth::tokens::Token;
use crate::config::Config;
use crate::disk::Mark;
use crate::http::{Settings, State};
use crate::limits;

/// A file that was changed so shortly before it was read may be changed again without looking otherwise.
const RACY: Duration = Duration::from_secs(2);

/// Puts what the configuration and the file say about callers in force.
pub(super) struct TokenFiles {
    http: Arc<State>,
    followed: Mutex<Followed>,
}

/// The file that counts now. `turn` tells a reader whose file was read for a configuration that is gone.
struct Followed {
    path: Option<PathBuf>,
    turn: u64,
}

/// What the last looks found.
#[derive(Debug, Default)]
struct Seen {
    turn: u64,
    mark: Option<Mark>,
    tokens: Option<Vec<Token>>,
    trouble: Option<String>,
}

/// What a look brings that was not known.
#[derive(Debug, PartialEq, Eq)]
enum News {
    /// The file says this now; `first` if it is the first that it says.
    Tokens { tokens: Vec<Token>, first: bool },
    /// It can be read again, and says what it said before.
    Good,
    /// It cannot be used.
    Trouble(String),
}

impl Seen {
    /// Looks at the file.
    fn look(&mut self, path: &Path) -> Option<News> {
        let told = match mark(path) {
            Ok((mark, _)) if self.mark == Some(mark) => return None,
            Ok((mark, is_racy)) => {
                self.mark = (!is_racy).then_some(mark);
                read(path)
            }
            Err(error) => {
                self.mark = None;
                Err(error.to_string())
            }
        };
        match told {
            Err(why) if self.trouble.as_ref() == Some(&why) => None,
            Err(why) => {
                self.trouble = Some(why.clone());
                Some(News::Trouble(why))
            }
            Ok(tokens) if self.tokens.as_ref() == Some(&tokens) => self.trouble.take().map(|_| News::Good),
            Ok(tokens) => {
                self.trouble = None;
                let first = self.tokens.replace(tokens.clone()).is_none();
                Some(News::Tokens { tokens, first })
            }
        }
    }
}

impl TokenFiles {
    pub(super) fn new(http: Arc<State>, config: &Config) -> Self {
        Self { http, followed: Mutex::new(Followed { path: path(config), turn: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, Followed> {
        // Every state that it can be left in is whole.
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what another configuration says about callers, compiled to `settings`, and has every stream look whether it may go on.
    pub(super) fn adopt(&self, config: &Config, settings: Settings) {
        let mut followed = self.lock();
        *followed = Followed { path: path(config), turn: followed.turn + 1 };
        self.http.settings.store(Arc::new(settings));
        drop(followed);
        self.http.environments.streams().wake_all();
    }

    /// Looks at the file for as long as the daemon runs.
    pub(super) async fn follow(self: Arc<Self>) {
        let mut beat = interval(limits::TOKEN_FILE_LOOK);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = Seen::default();
        loop {
            beat.tick().await;
            let files = self.clone();
            seen = match spawn_blocking(move || files.look(seen)).await {
                Ok(seen) => seen,
                Err(error) if error.is_panic() => {
                    tracing::error!("bug: looking at the file of tokens panicked");
                    Seen::default()
                }
                // The runtime is going away.
                Err(_) => return,
            };
        }
    }

    /// One look.
    fn look(&self, mut seen: Seen) -> Seen {
        let (path, turn) = {
            let followed = self.lock();
            (followed.path.clone(), followed.turn)
        };
        if seen.turn != turn {
            seen = Seen { turn, ..Seen::default() };
        }
        let Some(path) = path else { return seen };
        let shown = path.display();
        match seen.look(&path) {
            None => {}
            Some(News::Tokens { tokens, first }) => {
                self.put(turn, &tokens);
                if !first {
                    tracing::info!(path = %shown, tokens = tokens.len(), "the file of tokens has changed, and counts");
                }
            }
            Some(News::Good) => tracing::info!(path = %shown, "the file of tokens can be read again"),
            Some(News::Trouble(why)) => {
                tracing::error!(path = %shown, "the file of tokens cannot be used, and what it said last goes on: {why}");
            }
        }
        seen
    }

    /// Puts these tokens in force, unless another configuration has come meanwhile.
    fn put(&self, turn: u64, tokens: &[Token]) {
        let followed = self.lock();
        if followed.turn != turn {
            return;
        }
        self.http.settings.rcu(|settings| Settings {
            authentication: settings.authentication.with_token_file(tokens),
            ..Settings::clone(settings)
        });
        drop(followed);
        self.http.environments.streams().wake_all();
    }
}

fn path(config: &Config) -> Option<PathBuf> {
    config.authentication.token_file.as_ref().map(|file| file.path.clone())
}

/// The state of a file, and whether it is so young that another one could look the same.
fn mark(path: &Path) -> io::Result<(Mark, bool)> {
    let found = std::fs::metadata(path)?;
    // To open something else could wait without end.
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no file"));
    }
    let mark = Mark::of(&found);
    // A time in the future is as good as a young one.
    let age = found.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    Ok((mark, age.is_none_or(|age| age < RACY)))
}

fn read(path: &Path) -> Result<Vec<Token>, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(limits::TOKEN_FILE_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if u64::try_from(text.len()).is_ok_and(|size| size > limits::TOKEN_FILE_BYTES) {
        return Err(format!("more than {} bytes", limits::TOKEN_FILE_BYTES));
    }
    TokenFile::parse(&text).map(|file| file.tokens()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Scopes;
    use crate::auth::tokens::Digest;

    fn write(path: &Path, names: &[&str]) {
        let mut file = TokenFile::default();
        for name in names {
            let token = Token { name: (*name).into(), digest: Digest::of(name), scopes: Scopes::all(), expires: None };
            file.add(token, jiff::Timestamp::UNIX_EPOCH).unwrap();
        }
        std::fs::write(path, file.render()).unwrap();
    }

    fn told(news: Option<News>) -> Vec<String> {
        match news {
            Some(News::Tokens { tokens, .. }) => tokens.iter().map(|token| token.name.to_string()).collect(),
            other => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn what_is_new_is_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.json");
        let mut seen = Seen::default();
        write(&path, &["one"]);
        assert!(matches!(seen.look(&path), Some(News::Tokens { first: true, .. })));
        assert_eq!(seen.look(&path), None);
        // The same size, in the same moment.
        write(&path, &["two"]);
        assert_eq!(told(seen.look(&path)), ["two"]);
        assert_eq!(seen.look(&path), None);
        for (damage, why) in
            [(Some("{"), "no JSON"), (Some("{\"version\": 9}"), "`version` is not 1"), (None, "No such")]
        {
            match damage {
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let Some(News::Trouble(told)) = seen.look(&path) else { panic!("{damage:?} was passed over") };
            assert!(told.contains(why), "{told}");
            assert_eq!(seen.look(&path), None, "once");
        }
        write(&path, &["two"]);
        assert_eq!(seen.look(&path), Some(News::Good));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(told(seen.look(&path)), ["Some(Trouble(\"no file\"))"]);
        std::fs::remove_dir(&path).unwrap();
        std::fs::write(&path, [0xff]).unwrap();
        assert!(matches!(seen.look(&path), Some(News::Trouble(_))));
        std::fs::File::create(&path).unwrap().set_len(limits::TOKEN_FILE_BYTES + 1).unwrap();
        assert!(told(seen.look(&path))[0].contains("more than"));
        write(&path, &[]);
        assert!(told(seen.look(&path)).is_empty());
    }

    #[test]
    fn a_file_that_has_rested_is_not_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tokens.json");
        write(&path, &["one"]);
        let rested = SystemTime::now() - 2 * RACY;
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(rested).unwrap();
        let (_, is_racy) = mark(&path).unwrap();
        assert!(!is_racy);
        let mut seen = Seen::default();
        seen.look(&path);
        assert!(seen.mark.is_some());
        let later = SystemTime::now() + Duration::from_secs(3_600);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        assert!(mark(&path).unwrap().1, "a clock that was set back proves nothing");
    }
}
