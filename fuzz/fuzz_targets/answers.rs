#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| yardarm_fuzz::answers(input));
