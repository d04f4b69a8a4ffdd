//! The tests that look at the whole from outside: one binary, a file a behaviour.

mod layers;
