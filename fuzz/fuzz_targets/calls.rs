//! Any calls of the simulated Webex: never a panic, always an answer or an error of Webex's shape.
//!
//! What an input looks like, and what is looked at, is in `src/sim/fuzzing.rs` of the library.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(wrong) = botyard::sim::fuzzing::calls(input) {
        panic!("{wrong}");
    }
});
