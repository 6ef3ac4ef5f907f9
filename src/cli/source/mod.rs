//! Flags by name, without a daemon: a directory or a file of this machine, standard input, or a commit.
//!
//! One name is one environment: the directory in which the daemon would look. Which files below it count is the rule
//! of [`document::format_of`]; a file that is named itself is read whatever it is called.
//!
//! | name | what it is |
//! |---|---|
//! | `-` | standard input, one YAML file |
//! | a path that exists | that directory or file |
//! | anything else | a revision, as Git reads it, of the repository at hand: `main`, `HEAD~2`, `origin/main`, an id |
//! | `REV:DIR` | a directory (or file) of that commit, from the root of the repository; `REV:./DIR` from where one stands |
//!
//! So `./main` is always a path, and `main:` never one.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::{read_all, read_bounded};
use crate::flags::document::{self, Format};
use crate::flags::problem::HazardPolicy;
use crate::flags::snapshot::{self, Environment, Input};
use crate::git::{self, Standing};
use crate::limits;
use crate::sync::files::{Text, parse_all, text_of};

mod walk;

use walk::Walk;

/// Where to look for what is named.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Whence {
    /// The repository that revisions are of; by default the one that the current directory is in.
    #[arg(long, value_name = "DIR")]
    pub(super) repo: Option<PathBuf>,
    /// Directory of the environment, below each path or the root of each commit.
    #[arg(long, short, value_name = "DIR")]
    pub(super) directory: Option<String>,
}

/// Reads what is named.
pub(super) struct Reader<'a> {
    whence: &'a Whence,
    input: &'a mut dyn Read,
    repository: OnceCell<Rc<Standing>>,
}

/// The flags of one name.
pub(super) struct Source {
    /// As it was asked for.
    pub(super) name: String,
    /// Id of the commit, hex, where it is one.
    pub(super) commit: Option<String>,
    /// Every flag file, in the order in which they are loaded.
    pub(super) files: Vec<File>,
    /// The same files, read.
    pub(super) inputs: Vec<Input>,
    /// What was passed over although somebody may expect it to be read.
    pub(super) notes: Vec<String>,
    repository: Option<Rc<Standing>>,
    /// On a disk: the directory below which the files stand.
    root: Option<PathBuf>,
}

/// One flag file.
pub(super) struct File {
    /// Below the directory of the environment, as problems name it.
    pub(super) path: Arc<str>,
    /// As a person finds it: a path from here, or `REV:PATH`.
    pub(super) shown: String,
    place: Place,
}

enum Place {
    Disk(PathBuf),
    /// Id, path from the root of the repository, and size.
    Blob(String, String, Option<u64>),
    Memory(Vec<u8>),
}

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Neither of the two.
    #[error("\"{name}\" is neither a path nor a revision: {source}")]
    Neither { name: String, source: git::Error },
    /// What the disk says.
    #[error("cannot read {}: {source}", .path.display())]
    Disk { path: PathBuf, source: io::Error },
    /// What the repository says.
    #[error("cannot read {name}: {source}")]
    Git { name: String, source: git::Error },
    /// Past a bound.
    #[error("{0}")]
    TooMuch(String),
}

impl<'a> Reader<'a> {
    pub(super) fn new(whence: &'a Whence, input: &'a mut dyn Read) -> Self {
        Self { whence, input, repository: OnceCell::new() }
    }

    /// Reads and checks the flags of one name. No flag file at all is not an error here: [`Source::nothing`] says so.
    pub(super) fn read(&mut self, name: &OsStr) -> Result<Source, Error> {
        if name == "-" {
            return self.standard_input();
        }
        let path = Path::new(name);
        match path.metadata() {
            Ok(_) => self.disk(path),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
                self.revision(&name.to_string_lossy())
            }
            // `HEAD:production/features.yaml`, where a file called HEAD stands in the way, and the like.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => self.revision(&name.to_string_lossy()),
            Err(source) => Err(Error::Disk { path: path.to_owned(), source }),
        }
    }

    /// The best common ancestor of two revisions, as a name that [`Self::read`] takes: with the directory of the first.
    pub(super) fn merge_base(&self, one: &str, two: &str) -> Result<String, Error> {
        let failed = |source| Error::Git { name: format!("{one}...{two}"), source };
        let repository = self.repository().map_err(failed)?;
        let ((one, directory), (two, _)) = (split(one), split(two));
        let commits = repository.commit(one).and_then(|one| Ok((one, repository.commit(two)?)));
        let base = commits.and_then(|(one, two)| repository.merge_base(&one, &two)).map_err(failed)?;
        Ok(format!("{base}:{directory}"))
    }

    fn standard_input(&mut self) -> Result<Source, Error> {
        let most = u64::try_from(limits::FLAG_FILE_BYTES).unwrap_or(u64::MAX);
        let bytes = read_all(self.input, most).map_err(|source| Error::Disk { path: "-".into(), source })?;
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        let format = if first == Some(&b'{') { Format::Json } else { Format::Yaml };
        let file = File { path: "-".into(), shown: "-".to_owned(), place: Place::Memory(bytes) };
        Source::of("-", vec![(file, format)])
    }

    fn disk(&self, path: &Path) -> Result<Source, Error> {
        let joined;
        let path = match &self.whence.directory {
            Some(directory) => {
                joined = path.join(directory);
                joined.as_path()
            }
            None => path,
        };
        let failed = |source| Error::Disk { path: path.to_owned(), source };
        let name = path.display().to_string();
        if !path.metadata().map_err(failed)?.is_dir() {
            let base = path.file_name().unwrap_or_default().to_string_lossy();
            let file = File { path: (*base).into(), shown: name.clone(), place: Place::Disk(path.to_owned()) };
            let mut source = Source::of(&name, vec![(file, format_of_name(&base))])?;
            source.root = path.parent().map(Path::to_owned);
            return Ok(source);
        }
        let Walk { mut files, mut notes, .. } = Walk::over(path)?;
        files.sort_by(|(a, _), (b, _)| a.path.split('/').cmp(b.path.split('/')));
        notes.sort();
        let mut source = Source::of(&name, files)?;
        source.notes = notes;
        source.root = Some(path.to_owned());
        Ok(source)
    }

    fn repository(&self) -> Result<&Rc<Standing>, git::Error> {
        if let Some(repository) = self.repository.get() {
            return Ok(repository);
        }
        let from = self.whence.repo.as_deref().unwrap_or(Path::new("."));
        let found = Rc::new(Standing::discover(from)?);
        Ok(self.repository.get_or_init(|| found))
    }

    fn revision(&self, name: &str) -> Result<Source, Error> {
        let (revision, directory) = split(name);
        let failed = |source| match source {
            git::Error::NoRepository(_) | git::Error::UnknownRevision { .. } => {
                Error::Neither { name: name.to_owned(), source }
            }
            source => Error::Git { name: name.to_owned(), source },
        };
        let repository = self.repository().map_err(failed)?;
        let commit = repository.commit(revision).map_err(failed)?;
        let mut path = directory.to_owned();
        if let Some(below) = directory.strip_prefix("./").or((directory == ".").then_some("")) {
            path = join(&self.here(repository), below);
        }
        let path = join(&path, self.whence.directory.as_deref().unwrap_or_default());
        let path = path.trim_matches('/');

        let root_file = |at: &str| !at.contains('/') && document::format_of(&format!("x/{at}")).is_some();
        let mut notes = Vec::new();
        let mut files = Vec::new();
        let mut add = |below: &str, entry: git::Entry, format| {
            let full = join(below, &entry.path);
            let shown = format!("{revision}:{full}");
            let place = Place::Blob(entry.blob, full, entry.size);
            files.push((File { path: entry.path.into(), shown, place }, format));
        };
        if repository.tree_id(&commit, path).map_err(failed)?.is_some() {
            let wanted = |at: &str| document::format_of(at).is_some() || root_file(at);
            for entry in repository.entries(&commit, path, &wanted).map_err(failed)? {
                match document::format_of(&entry.path) {
                    Some(format) => add(path, entry, format),
                    None => notes.push(at_the_root(&format!("{revision}:{}", join(path, &entry.path)))),
                }
            }
        } else {
            let (parent, base) = path.rsplit_once('/').unwrap_or(("", path));
            for entry in repository.entries(&commit, parent, &|at| at == base).map_err(failed)? {
                let format = format_of_name(base);
                add(parent, entry, format);
            }
            if files.is_empty() {
                notes.push(format!("{revision} has no \"{path}\""));
            }
        }
        if files.len() > limits::FLAG_FILES {
            return Err(too_many(name));
        }
        let mut source = Source::with(name, files, Some(Rc::clone(repository)))?;
        source.notes = notes;
        source.commit = Some(commit);
        Ok(source)
    }

    /// Where one stands in the work tree.
    fn here(&self, repository: &Standing) -> String {
        let from = self.whence.repo.as_deref().unwrap_or(Path::new("."));
        let real = |path: &Path| path.canonicalize().ok();
        let pair = repository.work_tree().and_then(|tree| Some((real(tree)?, real(from)?)));
        let below = pair.and_then(|(tree, here)| here.strip_prefix(tree).ok().map(Path::to_owned));
        below.unwrap_or_default().to_string_lossy().into_owned()
    }
}

impl Source {
    fn of(name: &str, files: Vec<(File, Format)>) -> Result<Self, Error> {
        Self::with(name, files, None)
    }

    fn with(name: &str, files: Vec<(File, Format)>, repository: Option<Rc<Standing>>) -> Result<Self, Error> {
        let (files, formats): (Vec<File>, Vec<Format>) = files.into_iter().unzip();
        let text = |place: usize| {
            files.get(place).map_or(Ok(Text::Bytes(Vec::new())), |file| file.text(repository.as_deref()))
        };
        let read = parse_all(&formats, text)?;
        let input = |(file, read): (&File, Arc<document::SourceFile>)| {
            let blob = match &file.place {
                Place::Blob(id, ..) => id.as_str().into(),
                // Any name of the content will do.
                Place::Disk(_) | Place::Memory(_) => (&*read.sha1).into(),
            };
            Input { path: Arc::clone(&file.path), blob, file: read }
        };
        let inputs = files.iter().zip(read).map(input).collect();
        Ok(Self { name: name.to_owned(), commit: None, files, inputs, notes: Vec::new(), repository, root: None })
    }

    /// What a daemon that started on these files would serve, and everything that is wrong with them.
    pub(super) fn environment(&self) -> Environment {
        snapshot::assemble(&self.inputs, &Environment::default(), HazardPolicy::Warn)
    }

    /// Why there is nothing to look at, if there is nothing.
    pub(super) fn nothing(&self) -> Option<String> {
        let why = "no flag file found: they are called features.yaml, features.yml or features.json and stand in a \
                   directory each";
        self.files.is_empty().then(|| format!("{}: {why}", self.name))
    }

    /// The file that a problem names.
    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| *file.path == *path)
    }

    /// The text of a file, once more: for the lines that messages show.
    pub(super) fn text(&self, file: &File) -> Option<String> {
        match file.text(self.repository.as_deref()) {
            Ok(Text::Bytes(bytes) | Text::After(_, bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(Text::TooLarge(_)) | Err(_) => None,
        }
    }

    /// The directory of the files from the root of the repository that they are in, with `/` at its end; as given where
    /// they are in none. What code hosts call the path of a file is this and [`File::path`].
    pub(super) fn prefix(&self) -> String {
        let Some(root) = &self.root else { return String::new() };
        let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        let below = Standing::discover(root).ok().and_then(|repository| {
            let tree = repository.work_tree()?.canonicalize().ok()?;
            Some(root.canonicalize().ok()?.strip_prefix(tree).ok()?.to_owned())
        });
        let prefix = below.unwrap_or_else(|| root.strip_prefix(".").unwrap_or(root).to_owned());
        let prefix = prefix.to_string_lossy().replace('\\', "/");
        if prefix.is_empty() || prefix.ends_with('/') { prefix } else { format!("{prefix}/") }
    }
}

impl File {
    fn text(&self, repository: Option<&Standing>) -> Result<Text, Error> {
        match (&self.place, repository) {
            (Place::Disk(path), _) => {
                let most = u64::try_from(limits::FLAG_FILE_BYTES).unwrap_or(u64::MAX);
                match read_bounded(path, most) {
                    Ok(bytes) => Ok(Text::Bytes(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                        let size = path.metadata().ok().and_then(|found| usize::try_from(found.len()).ok());
                        Ok(Text::TooLarge(size.unwrap_or(usize::MAX)))
                    }
                    Err(source) => Err(Error::Disk { path: path.clone(), source }),
                }
            }
            (Place::Blob(id, _, size), Some(repository)) => {
                text_of(repository.blob(id, limits::FLAG_FILE_BYTES), *size)
                    .map_err(|source| Error::Git { name: self.shown.clone(), source })
            }
            (Place::Memory(bytes), _) => Ok(Text::Bytes(bytes.clone())),
            (Place::Blob(..), None) => Ok(Text::Bytes(Vec::new())),
        }
    }

    /// The path from the root of the repository. `prefix` is that of its source.
    pub(super) fn uri(&self, prefix: &str) -> String {
        match &self.place {
            Place::Blob(_, path, _) => path.clone(),
            Place::Disk(_) => format!("{prefix}{}", self.path),
            Place::Memory(_) => self.shown.clone(),
        }
    }
}

fn at_the_root(shown: &str) -> String {
    format!("{shown} is passed over, as the daemon does: flag files stand in a directory below that of the environment")
}

fn too_many(name: &str) -> Error {
    Error::TooMuch(format!(
        "{name} has more than {} files or {} flag files: name the directory of the environment",
        limits::GIT_ENTRIES,
        limits::FLAG_FILES
    ))
}

/// How a file that is named itself is read.
fn format_of_name(name: &str) -> Format {
    if Path::new(name).extension().is_some_and(|kind| kind == "json") { Format::Json } else { Format::Yaml }
}

/// `REV:DIR`. A colon inside of braces belongs to the revision (`HEAD^{/fix: it}`).
fn split(name: &str) -> (&str, &str) {
    let mut depth = 0_usize;
    for (at, c) in name.char_indices().skip(1) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => {
                let (revision, rest) = name.split_at(at);
                return (revision, rest.strip_prefix(':').unwrap_or(rest));
            }
            _ => {}
        }
    }
    (name, "")
}

fn join(one: &str, two: &str) -> String {
    let (one, two) = (one.trim_end_matches('/'), two.trim_matches('/'));
    if one.is_empty() || two.is_empty() { format!("{one}{two}") } else { format!("{one}/{two}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_ends_at_its_colon() {
        assert_eq!(split("main"), ("main", ""));
        assert_eq!(split("main:"), ("main", ""));
        assert_eq!(split("HEAD~2:production/eu"), ("HEAD~2", "production/eu"));
        assert_eq!(split("HEAD^{/fix: it}:dev"), ("HEAD^{/fix: it}", "dev"));
        assert_eq!(split(":/fix"), (":/fix", ""));
        assert_eq!(split("ü:ö"), ("ü", "ö"));
        assert_eq!(split(""), ("", ""));
    }

    #[test]
    fn paths_are_joined_with_one_slash() {
        assert_eq!((join("", "a"), join("a/", "/b/"), join("a", "")), ("a".into(), "a/b".into(), "a".into()));
    }
}
