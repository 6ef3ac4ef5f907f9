#![no_main]

use yardarm::provider::Provider;

libfuzzer_sys::fuzz_target!(|input: &[u8]| yardarm_fuzz::webhook(Provider::BitbucketDataCenter, input));
