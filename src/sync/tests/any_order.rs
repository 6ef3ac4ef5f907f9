//! I6: losing, repeating or reordering deliveries changes nothing but latency.

use proptest::prelude::*;

use super::world::{World, two, yaml};
use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// A commit, and whether its delivery is lost, comes once, or comes twice.
    Push { times: usize },
    /// Deliveries that wait are swapped.
    Swap(usize, usize),
    /// Some of what waits is delivered.
    Deliver(usize),
    /// The next fetch fails.
    Fault,
    /// Time passes.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_usize..3).prop_map(|times| Step::Push { times }),
        (0_usize..8, 0_usize..8).prop_map(|(a, b)| Step::Swap(a, b)),
        (0_usize..5).prop_map(Step::Deliver),
        Just(Step::Fault),
        (0_u64..40).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// I6: any loss, repetition or reordering of deliveries ends in the same state.
    #[test]
    fn ends_in_the_same_state(steps in prop::collection::vec(step(), 0..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (fake, mut tip) = two();
            let world = World::of(fake);
            let mut waiting: Vec<(String, String)> = Vec::new();
            for (number, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push { times } => {
                        let text = yaml("default", &[&format!("f{number}")]);
                        tip = world.fake.push("main", &[("production/default/features.yaml", &text)]);
                        waiting.extend((0..times).map(|time| (format!("d{number}-{time}"), tip.clone())));
                    }
                    Step::Swap(a, b) if a < waiting.len() && b < waiting.len() => waiting.swap(a, b),
                    Step::Swap(..) => {}
                    Step::Deliver(some) => for (id, commit) in waiting.drain(..some.min(waiting.len())) {
                        world.hint(&id, Some(&commit));
                    },
                    Step::Fault => world.fake.change(|remote| {
                        remote.faults.push(git::Error::Unreachable("provoked".to_owned()));
                    }),
                    Step::Wait(seconds) => tokio::time::advance(Duration::from_secs(seconds)).await,
                }
            }
            world.serves("production", &tip).await;
            world.serves("staging", &tip).await;
            assert_eq!(world.fake.lock().most_running, 1);
            world.stop().await;
        });
    }
}
