//! See `botyard::fuzzing::script`: what an input looks like, and what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(wrong) = botyard::fuzzing::script(input) {
        panic!("{wrong}");
    }
});
