//! What ships is whole: every definition of `bots.d` is right, and does what the tests beside it say.

use crate::support::program::Ground;

const BOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bots.d");

#[test]
fn the_shipped_definitions_have_no_problem() {
    let ran = Ground::new().run(&["check", BOTS], &[]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(ran.out.contains("0 errors, 0 warnings"), "{}", ran.out);
}

#[test]
fn each_shipped_bot_has_tests_and_does_what_they_say() {
    let ground = Ground::new();
    let ran = ground.run(&["test", BOTS, "--junit", "report.xml"], &[]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let set = botyard::definition::load(&[BOTS.into()]);
    assert!(!set.definitions.is_empty());
    for bot in set.definitions.keys() {
        assert!(ran.out.contains(&format!("ok {bot} (")), "`{bot}` has no tests:\n{}", ran.out);
    }
    let report = std::fs::read_to_string(ground.path("report.xml")).unwrap();
    assert!(report.contains("failures=\"0\" errors=\"0\""), "{report}");
}

#[test]
fn a_test_that_fails_ends_with_1_and_a_new_bot_is_content_at_once() {
    let ground = Ground::new();
    let made = ground.run(&["new", "greeter", "--starter", "commands"], &[]);
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(ground.run(&["test"], &[]).code, 0);
    assert_eq!(ground.run(&["new", "greeter"], &[]).code, 1, "nothing is overwritten");
    assert_eq!(ground.run(&["new", "Greeter"], &[]).code, 1);
    ground.write("bots.d/greeter.toml", "[fallback]\nreply = 'no'\n");
    let failed = ground.run(&["test", "bots.d/greeter.toml"], &[]);
    assert_eq!(failed.code, 1);
    assert!(failed.out.contains("greeter.test.toml:"), "{}", failed.out);
}
