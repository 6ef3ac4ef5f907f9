//! A chain of commits in the making: each wish on top of the one before, checked, on no branch yet.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use sha1::Digest as _;

use super::earlier::{self, Place};
use super::plan::{Look, Planned};
use super::writer::Storage;
use super::{By, Outcome, Refusal, Request, text_diff};
use crate::flags::change;
use crate::flags::document::{self, Format, SourceFile};
use crate::flags::problem::{Problem, Severity};
use crate::flags::resource::view::{File, View};
use crate::flags::resource::{Kind, Resource};
use crate::flags::snapshot::{self, Input};
use crate::git::{self, Identity, NewCommit};
use crate::limits;
use crate::serve;

/// Where a wish goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// The environment; of a branch that is still to be made, what it will be.
    pub(super) environment: Arc<serve::Environment>,
    /// The branch that it is made from, if it is not there.
    pub(super) from: Option<Arc<str>>,
}

/// One chain.
pub(super) struct Round<'s> {
    storage: &'s Storage,
    /// Where the branch is; nowhere yet, if the chain makes it.
    pub(super) old: Option<Arc<str>>,
    /// End of the chain.
    pub(super) tip: Option<Arc<str>>,
    /// Environments as of `tip`.
    states: HashMap<Arc<str>, State>,
    /// What was read, by blob.
    pub(super) files: Vec<(Arc<str>, Format, Arc<SourceFile>)>,
    /// What is to be kept as declared, once there is time.
    fresh: Vec<Fresh>,
    /// Commits that were made.
    pub(super) made: usize,
    /// A commit that was served of the branch and never was on it: callers may have seen it, and what it stands on.
    pub(super) lineage: Option<Arc<str>>,
}

#[derive(Clone)]
struct State {
    directory: Arc<str>,
    inputs: Vec<Input>,
    flags: Arc<snapshot::Environment>,
}

impl<'s> Round<'s> {
    /// A chain that begins where the branch is known to be.
    pub(super) fn begin(storage: &'s Storage, target: &Target) -> Result<Self, Refusal> {
        let branch = &target.environment.branch;
        let old: Option<Arc<str>> = storage.share.tip(branch).map(Into::into);
        let tip = match (&old, &target.from) {
            (Some(tip), _) => Some(tip.clone()),
            (None, Some(from)) => Some(storage.tip(from)?),
            (None, None) if storage.may_begin() => None,
            (None, None) => return Err(storage.no_branch(branch)),
        };
        let (states, files, fresh) = (HashMap::new(), Vec::new(), Vec::new());
        Ok(Self { storage, old, tip, states, files, fresh, made: 0, lineage: None })
    }

    /// A chain that begins with what is served of the branch, which the remote may not have.
    pub(super) fn behind(storage: &'s Storage, target: &Target) -> Result<Self, Refusal> {
        let mut round = Self::begin(storage, target)?;
        if let Some(cover) = storage.share.cover_of(&target.environment.branch) {
            round.tip = Some(cover.into());
        }
        Ok(round)
    }

    /// Plans a wish on top of the chain, checks what comes of it, and makes its commit.
    pub(super) fn add(
        &mut self,
        target: &Target,
        request: &Request,
        author: &By,
        at: Timestamp,
    ) -> Result<Outcome, Refusal> {
        self.settle();
        let environment = &target.environment;
        let here = Here { round: self, environment };
        let view = here.view(self.tip.as_deref())?;
        let tip: Arc<str> = self.tip.clone().unwrap_or_default();
        let seen = request.revision.as_deref();
        let texts = Texts { here: &here, view: &view };
        let planned = (self.storage.core.planner)(&view, &tip, &request.changes, seen, &texts)?;
        let rewritten =
            planned.rewritten.iter().map(|(path, what)| (below(&environment.directory, path), what.clone())).collect();
        let outcome = Outcome {
            environment: environment.name.clone(),
            branch: environment.branch.clone(),
            commit: tip,
            made: false,
            written: planned.written.clone(),
            rewritten,
            text_diff: String::new(),
            changes: change::Changes::default(),
            message: String::new(),
            warnings: Vec::new(),
            live: None,
            break_glass: false,
        };
        if planned.files.is_empty() {
            return Ok(outcome);
        }
        let text_diff = diff(&texts, &environment.directory, &planned)?;
        let before = self.state(environment)?;
        let (after, fresh, warnings) = self.check(environment, &before, &planned)?;
        let changes = change::between(&before.flags, &after.flags);
        let (rules, repository) = (&self.storage.rules, &self.storage.repository);
        let message = rules.wording.message(&**repository, self.tip.as_deref(), environment, request, &planned.done);
        let outcome = Outcome { text_diff, changes, message, warnings, ..outcome };
        if request.dry_run {
            return Ok(outcome);
        }
        let files = planned.files.iter().map(|(path, bytes)| (below(&environment.directory, path), bytes.clone()));
        let commit = NewCommit {
            parents: self.tip.iter().map(ToString::to_string).collect(),
            files: files.collect(),
            author: author_of(author, &rules.committer),
            committer: rules.committer.clone(),
            authored: None,
            at,
            message: outcome.message.clone(),
            signer: rules.signer.clone(),
        };
        let committed = repository.commit(self.tip.as_deref(), &commit).map_err(|e| unwritable(&e))?;
        self.tip = Some(committed.id.into());
        self.made += 1;
        self.files.extend(fresh.iter().map(|(_, blob, format, _, file)| (blob.clone(), *format, file.clone())));
        self.fresh.extend(fresh);
        // What overlaps may be made of the same files.
        let mine = environment.directory.clone();
        self.states.retain(|_, state| !overlap(&state.directory, &mine));
        self.states.insert(environment.name.clone(), after);
        Ok(Outcome { commit: self.tip.clone().unwrap_or_default(), made: true, ..outcome })
    }

    /// Keeps what was declared, so that the next look at it is quick.
    pub(super) fn settle(&mut self) {
        for (path, blob, format, bytes, source) in std::mem::take(&mut self.fresh) {
            let file = File::checked(&path, &blob, format, &bytes, &source);
            self.storage.core.views.put(&file, format, bytes.len());
        }
    }

    /// What is served of each environment once this is pushed.
    pub(super) fn checked(&self) -> HashMap<Arc<str>, Arc<snapshot::Environment>> {
        self.states.iter().map(|(name, state)| (name.clone(), state.flags.clone())).collect()
    }

    /// An environment at the end of the chain.
    fn state(&self, environment: &serve::Environment) -> Result<State, Refusal> {
        if let Some(state) = self.states.get(&environment.name) {
            return Ok(state.clone());
        }
        let directory = environment.directory.clone();
        let Some(tip) = &self.tip else {
            return Ok(State { directory, inputs: Vec::new(), flags: Arc::default() });
        };
        let Storage { share, repository, .. } = self.storage;
        let inputs = share.inputs(&**repository, tip, &directory).map_err(|error| unreadable(&error))?;
        let served = environment.load().clone();
        let flags = if served.commit.as_ref() == Some(tip) {
            served.flags.clone()
        } else {
            Arc::new(snapshot::assemble(&inputs, &served.flags, share.hazards(environment)))
        };
        Ok(State { directory, inputs, flags })
    }

    /// The environment as it would be, if it has no error that it had not before.
    fn check(
        &self,
        environment: &serve::Environment,
        before: &State,
        planned: &Planned,
    ) -> Result<(State, Vec<Fresh>, Vec<Problem>), Refusal> {
        let (mut inputs, mut fresh) = (before.inputs.clone(), Vec::new());
        for (path, bytes) in &planned.files {
            let former = inputs.iter().position(|input| *input.path == **path).map(|at| inputs.remove(at));
            let (Some(bytes), Some(format)) = (bytes, document::format_of(path)) else { continue };
            let (path, blob): (Arc<str>, Arc<str>) = (path.as_str().into(), self.blob_id(bytes).into());
            let known = self.storage.share.known(&blob, format);
            let former = former.as_ref().map(|input| &*input.file);
            let file = known.unwrap_or_else(|| Arc::new(document::read_after(former, format, bytes)));
            inputs.push(Input { path: path.clone(), blob: blob.clone(), file: file.clone() });
            fresh.push((path, blob, format, bytes.clone(), file));
        }
        let hazards = self.storage.share.hazards(environment);
        let flags = snapshot::assemble(&inputs, &before.flags, hazards);
        let what = |problem: &'_ Problem| (problem.code, problem.file.clone(), problem.message.clone());
        let mut known: HashMap<_, usize> = HashMap::new();
        for problem in &before.flags.problems {
            *known.entry(what(problem)).or_default() += 1;
        }
        let is_new = |problem: &&Problem| match known.get_mut(&what(problem)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        };
        let added = flags.problems.iter().filter(is_new).cloned();
        let (new, warnings): (Vec<Problem>, Vec<Problem>) = added.partition(|one| one.severity == Severity::Error);
        let held = flags.held.iter().find(|key| !before.flags.held.contains(key));
        if !new.is_empty() || held.is_some() {
            let problems = if new.is_empty() { of_namespace(&flags, held) } else { new };
            let first = problems.first().map_or_else(
                || format!("namespace \"{}\" could not be served", held.map_or("", |key| key)),
                |problem| format!("{}: {}", problem.key_path, problem.message),
            );
            let message = format!("the change would make an invalid state: {}", first.trim_start_matches(": "));
            return Err(Refusal::Invalid { message, problems });
        }
        Ok((State { directory: before.directory.clone(), inputs, flags: Arc::new(flags) }, fresh, warnings))
    }

    /// Id of a blob, made as the repository makes its ids.
    fn blob_id(&self, bytes: &[u8]) -> String {
        let head = format!("blob {}\0", bytes.len());
        if self.tip.as_ref().is_some_and(|tip| tip.len() == 64) {
            hex::encode(sha2::Sha256::new().chain_update(head).chain_update(bytes).finalize())
        } else {
            hex::encode(sha1::Sha1::new().chain_update(head).chain_update(bytes).finalize())
        }
    }
}

/// Path, blob, format, text, and what it was read as.
type Fresh = (Arc<str>, Arc<str>, Format, Vec<u8>, Arc<SourceFile>);

fn of_namespace(flags: &snapshot::Environment, key: Option<&Arc<str>>) -> Vec<Problem> {
    flags.problems.iter().filter(|problem| problem.namespace.as_ref() == key).cloned().collect()
}

/// An environment at commits of the chain and before it.
struct Here<'r, 's> {
    round: &'r Round<'s>,
    environment: &'r serve::Environment,
}

impl Here<'_, '_> {
    fn view(&self, commit: Option<&str>) -> Result<Arc<View>, Refusal> {
        let Storage { core, share, repository, .. } = self.round.storage;
        let Some(commit) = commit else { return Ok(Arc::default()) };
        core.views.at(share, &**repository, commit, &self.environment.directory).map_err(|error| unreadable(&error))
    }
}

struct Texts<'h, 'r, 's> {
    here: &'h Here<'r, 's>,
    view: &'h View,
}

impl Texts<'_, '_, '_> {
    fn find(&self, path: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(file) = self.view.files.iter().find(|file| *file.path == *path) else { return Ok(None) };
        let repository = &self.here.round.storage.repository;
        repository.blob(&file.blob, limits::FLAG_FILE_BYTES).map(Some).map_err(|error| unreadable(&error))
    }
}

impl Look for Texts<'_, '_, '_> {
    fn text(&self, path: &str) -> Result<Vec<u8>, Refusal> {
        self.find(path)?.ok_or_else(|| Refusal::Bug(format!("{path} is not in the view")))
    }

    fn source(&self, path: &str) -> Option<Arc<SourceFile>> {
        let file = self.view.files.iter().find(|file| *file.path == *path)?;
        self.here.round.storage.share.known(&file.blob, document::format_of(path)?)
    }

    fn at(&self, commit: &str) -> Result<Option<Arc<View>>, Refusal> {
        let round = self.here.round;
        let Some(tip) = &round.tip else { return Ok(None) };
        if tip.len() != commit.len() || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let commit = commit.to_ascii_lowercase();
        let repository = &round.storage.repository;
        let served = || round.lineage.as_ref().is_some_and(|tip| repository.contains(tip, &commit).unwrap_or(false));
        match repository.contains(tip, &commit) {
            Ok(false) if served() => self.here.view(Some(&commit)).map(Some),
            Ok(true) => self.here.view(Some(&commit)).map(Some),
            Ok(false) | Err(git::Error::UnknownCommit(_)) => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }

    fn earlier(&self, namespace: &str, kind: Kind, key: &str, revision: &str) -> Result<Option<Resource>, Refusal> {
        let round = self.here.round;
        let Some(tip) = &round.tip else { return Ok(None) };
        let place = Place { tip, directory: &self.here.environment.directory, view: self.view, namespace };
        earlier::find(round.storage, &place, kind, key, revision)
    }
}

/// The difference of all files, as far as anybody reads it.
fn diff(texts: &Texts<'_, '_, '_>, directory: &str, planned: &Planned) -> Result<String, Refusal> {
    let mut diff = String::new();
    for (path, new) in &planned.files {
        let old = texts.find(path)?;
        diff.push_str(&text_diff::of_file(&below(directory, path), old.as_deref(), new.as_deref()));
        if diff.len() > limits::TEXT_DIFF_BYTES {
            let cut = (0..=limits::TEXT_DIFF_BYTES).rev().find(|at| diff.is_char_boundary(*at)).unwrap_or(0);
            diff.truncate(cut);
            diff.push_str("\n… and more\n");
            break;
        }
    }
    Ok(diff)
}

/// A path below a directory of the repository.
pub(super) fn below(directory: &str, path: &str) -> String {
    let directory = directory.trim_matches('/');
    if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") }
}

fn overlap(one: &str, other: &str) -> bool {
    let starts = |long: &str, short: &str| {
        short.is_empty() || long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    starts(one, other) || starts(other, one)
}

/// The person who asks, where it is known.
pub(super) fn author_of(by: &By, committer: &Identity) -> Identity {
    let person = by.person.as_ref();
    let text = |text: Option<&String>| text.map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
    let (name, email) = (text(person.and_then(|p| p.name.as_ref())), text(person.and_then(|p| p.email.as_ref())));
    match (name, email) {
        (None, None) => committer.clone(),
        (name, Some(email)) => Identity { name: name.unwrap_or_else(|| email.clone()), email },
        (Some(name), None) => Identity { name, email: committer.email.clone() },
    }
}

/// Why the tip cannot be read.
pub(super) fn unreadable(error: &git::Error) -> Refusal {
    match error {
        git::Error::TooLarge(why) => Refusal::Invalid { message: why.clone(), problems: Vec::new() },
        error => Refusal::Unavailable { message: error.to_string(), retry_after: limits::WRITE_RETRY_AFTER },
    }
}

/// Why a commit cannot be made.
fn unwritable(error: &git::Error) -> Refusal {
    match error {
        git::Error::Unwritable { .. } => Refusal::Invalid { message: error.to_string(), problems: Vec::new() },
        error => Refusal::Unavailable { message: error.to_string(), retry_after: limits::WRITE_RETRY_AFTER },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Method, Person};

    #[test]
    fn the_author_is_the_person_as_far_as_it_is_known() {
        let committer = Identity { name: "Yardarm".to_owned(), email: "y@example.com".to_owned() };
        let by = |name: Option<&str>, email: Option<&str>| By {
            name: "token".into(),
            method: Method::Token,
            person: Some(Person { name: name.map(str::to_owned), email: email.map(str::to_owned) }),
            address: None,
        };
        let author = |name, email| {
            let Identity { name, email } = author_of(&by(name, email), &committer);
            format!("{name} <{email}>")
        };
        assert_eq!(author(Some("Ada"), Some("ada@example.com")), "Ada <ada@example.com>");
        assert_eq!(author(None, Some("ada@example.com")), "ada@example.com <ada@example.com>");
        assert_eq!(author(Some("Ada"), Some(" ")), "Ada <y@example.com>");
        assert_eq!(author(None, None), "Yardarm <y@example.com>");
    }

    #[test]
    fn directories_that_share_files() {
        assert!(overlap("", "a") && overlap("a/b", "a") && overlap("a", "a"));
        assert!(!overlap("ab", "a") && !overlap("a/b", "a/c"));
        assert_eq!((below("", "x"), below("a/b", "x")), ("x".to_owned(), "a/b/x".to_owned()));
    }
}
