//! Runs everything in one provider's world, and says in a word what came of each.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, OnceLock};

use yardarm::provider::Provider;
use yardarm::provider::api::Failure;

use super::conditions::{self, Cause};
use super::operations::{self, Operation};
use super::stage::{Stage, word};
use super::stories;
use super::worlds::{self, World};
use crate::spec::Spec;

/// What came of one thing at one provider.
pub struct Cell {
    /// Operation, or story.
    pub what: &'static str,
    /// Condition; of stories empty.
    pub condition: &'static str,
    pub came: String,
}

/// What came of the operations at a provider, if it is there; run once, whoever asks.
pub fn operations_of(name: &str) -> Option<&'static [Cell]> {
    static CELLS: [OnceLock<Option<Vec<Cell>>>; 7] = [const { OnceLock::new() }; 7];
    CELLS[at(name)].get_or_init(|| world(name).map(|world| operations(&world))).as_deref()
}

/// What came of the stories at a provider, if it is there; run once, whoever asks.
pub fn stories_of(name: &str) -> Option<&'static [Cell]> {
    static CELLS: [OnceLock<Option<Vec<Cell>>>; 7] = [const { OnceLock::new() }; 7];
    CELLS[at(name)].get_or_init(|| world(name).map(|world| stories(&world))).as_deref()
}

fn at(name: &str) -> usize {
    Provider::ALL.iter().position(|provider| provider.name().replace('-', "_") == name).unwrap()
}

fn world(name: &str) -> Option<World> {
    worlds::worlds().into_iter().find(|world| world.provider == Provider::ALL[at(name)])
}

fn operations(world: &World) -> Vec<Cell> {
    let mut cells = Vec::new();
    for operation in operations::operations() {
        for condition in conditions::conditions() {
            let what = format!("{} · {} · {}", world.provider.name(), operation.name, condition.name);
            println!("{what}");
            let words = meet(world, &operation, condition.cause);
            for word in &words {
                assert!(condition.allowed.contains(&word.as_str()) || word == "unsupported", "{what}: {word}");
            }
            let came = if words.is_empty() { "–".to_owned() } else { Vec::from_iter(words).join(", ") };
            cells.push(Cell { what: operation.name, condition: condition.name, came });
        }
    }
    cells
}

/// Runs the operation under the condition, as often as there are requests that can meet it; answers what came of it.
fn meet(world: &World, operation: &Operation, cause: Cause) -> BTreeSet<String> {
    let well = Stage::of(world);
    (operation.before)(&well);
    let result = (operation.run)(&well, 1);
    check(world, &well);
    let done = well.trace();
    let asked = well.scm.exchanges();

    let unsupported = matches!(result, Err(Failure::Unsupported(_)));
    let mut words = BTreeSet::new();
    let mut met = |befall: &dyn Fn(&Stage), cure: &dyn Fn(&Stage)| {
        let stage = Stage::of(world);
        (operation.before)(&stage);
        befall(&stage);
        let result = (operation.run)(&stage, 1);
        let said = word(&result);
        if let Err(failure) = &result {
            acceptable(failure);
        } else if !matches!(cause, Cause::Lie(_)) {
            assert_eq!(stage.trace(), done, "it said ok, and it was not done");
        }
        stage.scm.behave();
        cure(&stage);
        let again = word(&(operation.run)(&stage, 1));
        let may = again == "ok" || unsupported || (operation.name == "merge" && again == "state");
        assert!(may, "first {said}, and then, when all was well: {again}");
        assert_eq!(stage.trace(), done, "first {said}, then {again}, and the world is another");
        check(world, &stage);
        words.insert(said);
    };
    let writes = |index: &usize| asked[*index].asked.method != "GET";
    match cause {
        Cause::Well => {
            words.insert(word(&result));
        }
        Cause::NoSuchProposal if !operation.numbered => {}
        Cause::NoSuchProposal => {
            let stage = Stage::of(world);
            (operation.before)(&stage);
            words.insert(word(&(operation.run)(&stage, 77)));
            check(world, &stage);
        }
        Cause::Fault(fault) | Cause::Lie(fault) => {
            (0..asked.len()).for_each(|index| met(&|stage| stage.scm.break_request(index, fault()), &|_| ()));
        }
        Cause::FaultOfWrites(fault) => {
            let indices = (0..asked.len()).filter(writes);
            indices.for_each(|index| met(&|stage| stage.scm.break_request(index, fault()), &|_| ()));
        }
        Cause::World(so, well) => met(&|stage| stage.scm.world(so), &|stage| stage.scm.world(well)),
        Cause::Midway(so, well) => {
            (usize::from(asked.len() > 1)..asked.len())
                .for_each(|index| met(&|stage| stage.scm.meanwhile(index, so), &|stage| stage.scm.world(well)));
        }
        Cause::Reader => {
            met(&|stage| stage.scm.ask_as("Bearer token-of-reader"), &|stage| {
                stage.scm.ask_as("Bearer token-of-yardarm");
            });
        }
    }
    words
}

/// A failure says something that a person can act on, and never the credential.
fn acceptable(failure: &Failure) {
    let text = failure.to_string();
    assert!(!text.contains("token-of-"), "it shows the credential: {text}");
    assert!(text.len() > 10 && text.len() < 700 && !text.contains('\n'), "{text}");
    if let Failure::Wait { after, .. } = failure {
        assert!(after.as_secs() >= 1, "{text}");
    }
}

fn stories(world: &World) -> Vec<Cell> {
    let mut cells = Vec::new();
    for story in stories::stories() {
        let what = format!("{} · {}", world.provider.name(), story.name);
        println!("{what}");
        if let Some((_, why)) = world.lacks.iter().find(|(name, _)| *name == story.name) {
            cells.push(Cell { what: story.name, condition: "", came: (*why).to_owned() });
            continue;
        }
        let stage = Stage::of(world);
        let result = (story.run)(&stage);
        if let Err(failure) = &result {
            acceptable(failure);
        }
        let came = match &result {
            Ok(came) => (*came).to_owned(),
            Err(_) => word(&result),
        };
        assert!(story.allowed.contains(&came.as_str()), "{what}: {came}, {result:?}");
        check(world, &stage);
        cells.push(Cell { what: story.name, condition: "", came });
    }
    cells
}

/// Every exchange against the provider's own specification, each kind of exchange once.
fn check(world: &World, stage: &Stage) {
    static SEEN: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());
    let Some(spec) = Spec::of(world.provider) else { return };
    for exchange in stage.scm.exchanges() {
        let (asked, answer) = (&exchange.asked, &exchange.answer);
        let mut hasher = DefaultHasher::new();
        let asked_for = (asked.method, &asked.path, &asked.query, asked.body.as_ref().map(ToString::to_string));
        (world.provider, asked_for, answer.status, &answer.body).hash(&mut hasher);
        if !SEEN.lock().unwrap().insert(hasher.finish()) {
            continue;
        }
        let wrong = spec.check(&exchange);
        assert!(wrong.is_empty(), "{} {:?}: {wrong:#?}", asked.method, asked.path);
    }
}
