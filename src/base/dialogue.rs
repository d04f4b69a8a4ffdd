//! What names the one dialogue that a person may have in a room: beside its row, its timer and its place in lists.

use super::id::Digest;

/// A short name for the dialogue of a person in a room: 22 characters, nothing to be read from it.
#[must_use]
pub fn dialogue_mark(room: &str, person: &str) -> String {
    Digest::of([room.as_bytes(), person.as_bytes()]).mark()
}

/// The name of the timer that a dialogue waits with. One that is set anew replaces it.
#[must_use]
pub fn dialogue_timer(room: &str, person: &str) -> String {
    format!("$dialogue/{}", dialogue_mark(room, person))
}

/// Whether a timer is that of a dialogue.
#[must_use]
pub fn is_dialogue_timer(name: &str) -> bool {
    name.starts_with("$dialogue/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_person_in_every_room_has_a_name_of_their_own() {
        assert_ne!(dialogue_timer("R", "P"), dialogue_timer("P", "R"));
        assert_ne!(dialogue_mark("RP", ""), dialogue_mark("R", "P"));
        assert!(is_dialogue_timer(&dialogue_timer("R", "P")) && !is_dialogue_timer("reminder"));
    }
}
