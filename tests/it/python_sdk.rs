//! Python's Webex clients believe in the simulator: the SDK of today and the one before it, each API group of theirs
//! that is simulated.

use crate::{
    sim_support::{Sim, on_arbiter},
    support::clients::{Sdk, python},
};

/// Runs a program with both SDKs, each against a simulator of its own.
fn both(program: &str) {
    on_arbiter(async {
        for sdk in [Sdk::Webexpythonsdk, Sdk::Webexteamssdk] {
            let sim = Sim::start().await;
            python(sdk, program, &[sdk.name(), &sim.handle.url()]).await;
            sim.handle.stop().await;
        }
    });
}

#[test]
fn people_are_found_listed_made_changed_and_deleted() {
    both("people.py");
}

#[test]
fn rooms_of_all_kinds_are_made_listed_changed_and_deleted() {
    both("rooms.py");
}

#[test]
fn members_come_moderate_hide_and_leave() {
    both("memberships.py");
}

#[test]
fn messages_go_everywhere_and_are_listed_edited_and_deleted() {
    both("messages.py");
}

#[test]
fn files_are_uploaded_or_sent_by_url_and_fetched_once_they_are_scanned() {
    both("files.py");
}

#[test]
fn cards_are_sent_and_pressed() {
    both("cards.py");
}

#[test]
fn webhooks_are_made_listed_and_changed_and_deliver_what_the_sdk_can_read() {
    both("webhooks.py");
}

#[test]
fn teams_have_members_and_rooms() {
    both("teams.py");
}

#[test]
fn organizations_licenses_and_roles_are_looked_up() {
    both("directory.py");
}

#[test]
fn a_rate_limit_is_waited_out_or_handed_on() {
    both("limits.py");
}

#[test]
fn what_goes_wrong_at_webex_is_seen_for_what_it_is() {
    both("trouble.py");
}
