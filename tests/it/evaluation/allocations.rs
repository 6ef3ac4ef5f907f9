//! An evaluation takes nothing from the allocator, matched or not.

use std::sync::Arc;

use yardarm::flags::document::{Format, read};
use yardarm::flags::evaluate::{self, Context};
use yardarm::flags::problem::HazardPolicy;
use yardarm::flags::snapshot::{Environment, Input, assemble};

#[path = "../../../benches/targeting.rs"]
mod targeting;

#[test]
fn an_evaluation_allocates_nothing() {
    let file = read(Format::Yaml, targeting::FLAGS.as_bytes());
    assert!(file.problems.is_empty(), "{:#?}", file.problems);
    let input = Input { path: "a/features.yaml".into(), blob: (&*file.sha1).into(), file: Arc::new(file) };
    let environment = assemble(&[input], &Environment::default(), HazardPolicy::Refuse);
    let namespace = &environment.namespaces["default"];
    let (banner, beta) = (namespace.flag("banner").unwrap(), namespace.flag("beta").unwrap());
    for (pairs, matching) in [(targeting::MATCHING, true), (targeting::OTHER, false)] {
        let context: Context = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let allocated = allocation_counter::measure(|| {
            for entity in ["user-1", "user-2", "", "a rather long name of an entity, longer than any buffer inside"] {
                let answer = evaluate::variant(banner, entity, &context);
                assert_eq!((answer.matched, answer.segments.len()), (matching, if matching { 3 } else { 0 }));
                let answer = evaluate::boolean(beta, entity, &context);
                assert_eq!((answer.enabled, answer.segments.len()), (matching, if matching { 3 } else { 0 }));
            }
        });
        assert_eq!(allocated.count_total, 0, "{allocated:?}");
    }
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1])));
    assert_eq!(counted.count_total, 1, "the counter counts");
}
