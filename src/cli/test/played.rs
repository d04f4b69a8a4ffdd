//! What tests beside definitions can play of time, calls and access.

use super::tests::{folder, played, steps, text};

/// Plays these steps against a bot; what is told of them if they fail.
fn plays(bot: &str, lines: &str) -> Result<(), String> {
    plays_file(bot, &steps(lines))
}

fn plays_file(bot: &str, tests: &str) -> Result<(), String> {
    let root = folder(&[("echo.toml", bot), ("echo.test.toml", tests)]);
    let report = played(root.path(), None);
    if report.is_fine() { Ok(()) } else { Err(text(&report, root.path())) }
}

fn asks(busy: &str) -> String {
    format!(
        "[[command]]\nwords = ['go']\non_error = '{{{{ response.cause }}}}: {{{{ response.error }}}}'\n\
         http = {{ url = 'https://api.example.com/{{0}}', timeout = '60s', {busy} }}\n"
    )
    .replace("{0}", "go")
}

const SLOW: &str = "{ alice = 'go' },\n{ bot.calls = true, answer = { text = 'first', after = '40s' } },\n";

#[test]
fn an_answer_comes_when_its_time_has_passed() {
    let wait = "{ wait = '39s' },\n{ bot.silent = true },\n{ wait = '1s' },\n{ bot = 'first', to = 'alice' }";
    plays(&asks("busy = 'queue'"), &format!("{SLOW}{wait}")).unwrap();
    let late = plays(
        &asks("busy = 'queue'"),
        "{ alice = 'go' },\n{ bot.calls = true, answer = { text = 'x', after = '61s' } }",
    );
    let late = late.unwrap_err();
    assert!(late.contains("the call may take 60 s, and it comes after 61 s"), "{late}");
    let later = "{ alice = 'go' },\n{ bot.calls = true },\n{ wait = '2m' },\n{ answer = 'x' },\n{ bot = 'x' }";
    assert!(plays(&asks("busy = 'queue'"), later).unwrap_err().contains("it comes after 120 s"));
    plays(
        &asks("busy = 'queue'"),
        &later.replace("'x' },\n{ bot = 'x' }", "{ error = 'slow' } },\n{ bot = 'gave_up: slow' }"),
    )
    .unwrap();
}

#[test]
fn a_second_call_waits_is_refused_or_goes_along() {
    let again = "{ wait = '10s' },\n{ alice = 'go' },\n";
    let waits = "{ bot.calls = false },\n{ wait = '30s' },\n{ bot = 'first', to = 'alice' },\n\
                 { bot.calls = true, answer = 'second' },\n{ bot = 'second' }";
    plays(&asks("busy = 'queue'"), &format!("{SLOW}{again}{waits}")).unwrap();
    let refused = "{ bot = 'busy: the call before it is still being made' },\n\
                   { bob = 'go' },\n{ bot.calls = true, answer = 'for bob' },\n{ bot = 'for bob' },\n\
                   { wait = '30s' },\n{ bot = 'first', to = 'alice' },\n\
                   { alice = 'go' },\n{ bot.calls = true, answer = 'third' },\n{ bot = 'third' }";
    plays(&asks("busy = 'refuse'"), &format!("{SLOW}{again}{refused}")).unwrap();
    let along = "{ bot.calls = true, answer = 'second' },\n{ bot = 'second' },\n{ wait = '30s' },\n{ bot = 'first' }";
    plays(&asks("busy = 'parallel'"), &format!("{SLOW}{again}{along}")).unwrap();
    for (busy, other) in [("queue", refused), ("refuse", along), ("parallel", waits)] {
        assert!(plays(&asks(&format!("busy = '{busy}'")), &format!("{SLOW}{again}{other}")).is_err(), "{busy}");
    }
}

#[test]
fn a_rule_has_no_more_calls_at_once_than_it_says() {
    let lines = "{ alice = 'go' },\n{ bot.calls = true, answer = { text = 'a', after = '40s' } },\n\
                 { bob = 'go' },\n{ bot.calls = true, answer = { text = 'b', after = '50s' } },\n\
                 { carol = 'go' },\n{ bot.calls = false },\n\
                 { wait = '40s' },\n{ bot = 'a', to = 'alice' },\n{ bot.calls = true, answer = 'c' },\n\
                 { bot = 'c', to = 'carol' },\n{ wait = '10s' },\n{ bot = 'b', to = 'bob' }";
    plays(&asks("max_in_flight = 2"), lines).unwrap();
    assert!(plays(&asks("max_in_flight = 3"), lines).is_err(), "carol's is made at once");
}

#[test]
fn a_call_that_nobody_answers_makes_nobody_busy() {
    plays(
        &asks("busy = 'refuse'"),
        "{ alice = 'go' },\n{ alice = 'go' },\n{ bot.calls = true },\n{ bot.calls = true }",
    )
    .unwrap();
}

#[test]
fn a_post_that_is_the_same_as_one_before_is_taken_once_a_day() {
    let hook = "[[inbound]]\nname = 'alert'\nauth = { bearer = 'env:X' }\nto = 'alice@example.com'\n\
                dedupe = '{{ payload.id }}/{{ headers[\"x-n\"] }}'\nreply = '{{ payload.text }}'\n";
    let post = |id: u32, n: u32| {
        format!("{{ post = 'alert', json = {{ id = {id}, text = 'hot' }}, headers = {{ X-N = '{n}' }} }},\n")
    };
    let said = "{ bot = 'hot' },\n";
    let lines = [
        &post(1, 1),
        said,
        &post(1, 1),
        "{ bot.silent = true },\n",
        &post(1, 2),
        said,
        &post(2, 1),
        said,
        "{ wait = '24h' },\n",
        &post(1, 1),
        said,
    ];
    plays(hook, &lines.concat()).unwrap();
    let twice = [&post(1, 1), said, &post(1, 1), said].concat();
    assert!(plays(hook, &twice).is_err());
    plays(&hook.replace("dedupe", "#"), &twice).unwrap();
}

#[test]
fn a_case_may_be_under_a_ceiling_and_the_next_under_none() {
    let bot =
        "[access]\ndomains = ['example.com', 'evil.example']\ndenied = 'not for you'\n[fallback]\nreply = 'hello'\n";
    let case = |name: &str, ceiling: &str, lines: &str| format!("{}{ceiling}\n", steps(lines).replace("a case", name));
    let stranger = "{ 'eve@evil.example' = 'a' },\n{ bot = 'not for you' },\n{ alice = 'a' },\n{ bot = 'hello' }";
    let free = "{ 'eve@evil.example' = 'a' },\n{ bot = 'hello' }";
    let domain = case("domain", "ceiling = { domains = ['example.com'] }", stranger);
    let place = case(
        "place",
        "ceiling = { where = 'direct' }",
        "{ bob = 'a' },\n{ bot = 'hello' },\n{ bob = 'a', in = 'Ops' },\n{ bot = 'not for you' }",
    );
    let room = case(
        "room",
        "ceiling = { rooms = ['Ops'] }",
        "{ bob = 'a', in = 'Ops' },\n{ bot = 'hello' },\n{ bob = 'a', in = 'Lab' },\n{ bot = 'not for you' }",
    );
    let kept_out = case(
        "out",
        "ceiling = { deny_people = ['bob'] }",
        "{ bob = 'a' },\n{ bot = 'not for you' },\n{ alice = 'a' },\n{ bot = 'hello' }",
    );
    plays_file(bot, &[domain, place, room, kept_out, case("free", "", free)].concat()).unwrap();
    let of_the_file = format!("ceiling = {{ domains = ['example.com'] }}\n{}", steps(stranger));
    plays_file(bot, &of_the_file).unwrap();
    assert!(plays_file(bot, &format!("ceiling = {{ domains = ['example.com'] }}\n{}", steps(free))).is_err());
}

#[test]
fn a_card_that_is_gone_can_be_pressed_only_by_whoever_is_late() {
    let bot = "[[command]]\nwords = ['ask']\nreply = { text = 'ok?', card = 'ask.json' }\n[[on]]\ncard = 'yes'\n\
               once = true\nalready = 'too late'\nreply = { text = 'done', replace = true }\n";
    let card = "{\"type\": \"AdaptiveCard\", \"version\": \"1.3\", \"body\": [{\"type\": \"TextBlock\", \"text\": \"ok?\"}], \
                \"actions\": [{\"type\": \"Action.Submit\", \"title\": \"Yes\", \"data\": {\"action\": \"yes\"}}]}";
    let plays = |lines: &str| {
        let files = [("ask/bot.toml", bot), ("ask/ask.json", card), ("ask/ask.test.toml", &steps(lines))];
        let root = folder(&files);
        let report = played(root.path(), None);
        if report.is_fine() { Ok(()) } else { Err(text(&report, root.path())) }
    };
    let pressed = "{ alice = 'ask' },\n{ bot.shows = 'ok?' },\n{ alice.presses = 'Yes' },\n{ bot.deletes = true },\n{ bot = 'done' },\n";
    plays(&format!("{pressed}{{ alice.presses = 'Yes', late = true }},\n{{ bot = 'too late' }}")).unwrap();
    assert!(plays(&format!("{pressed}{{ alice.presses = 'Yes' }}")).unwrap_err().contains("no card with a button"));
    let early = "{ alice = 'ask' },\n{ bot.shows = 'ok?' },\n{ alice.presses = 'Yes', late = true }";
    assert!(plays(early).unwrap_err().contains("no card that is gone"));
}

#[test]
fn each_person_is_asked_at_their_own_hour() {
    let bot = "[rooms]\nteam = 'Y2lzY29zcGFyazovL3VzL1JPT00vdGVhbQ'\n[[schedule]]\nname = 'checkin'\n\
               cron = '0 9 * * MON-FRI'\nper_person_zone = true\nto = '@team'\nreply = 'Good morning, {{ person.first_name }}!'\n";
    let before = "now = '2026-01-04 12:00'\nzone = 'Europe/Berlin'\n[people]\n\
                  yuki = { email = 'yuki@example.com', zone = 'Asia/Tokyo' }\n\
                  neil = { email = 'neil@example.com', zone = 'America/New_York' }\n\
                  [rooms]\nteam = { members = ['yuki', 'neil', 'bob'] }\n";
    // Nine o'clock in Tokyo, in Berlin for Bob who says no zone, and in New York: on the clock of Berlin.
    let lines = "{ until = '2026-01-05 00:59' },\n{ bot.silent = true },\n\
                 { until = '2026-01-05 01:00' },\n{ bot = 'Good morning, Yuki!', to = 'yuki' },\n\
                 { until = '2026-01-05 08:59' },\n{ bot.silent = true },\n\
                 { until = '2026-01-05 09:00' },\n{ bot = 'Good morning, Bob!', to = 'bob' },\n\
                 { until = '2026-01-05 14:59' },\n{ bot.silent = true },\n\
                 { until = '2026-01-05 15:00' },\n{ bot = 'Good morning, Neil!', to = 'neil' }";
    plays_file(bot, &format!("{before}{}", steps(lines))).unwrap();
    let moved = before.replace("America/New_York", "America/Chicago");
    assert!(plays_file(bot, &format!("{moved}{}", steps(lines))).is_err());
}

#[test]
fn today_is_the_day_on_the_clock_of_the_test() {
    let bot = "[[command]]\nusage = 'due <day:date>'\nreply = 'due {{ args.day }}'\n\
               [[command]]\nwords = ['plan']\nflow = 'plan'\n[[flow.plan.step]]\n\
               name = 'day'\nask = 'When?'\nexpect = 'date'\nend = 'planned {{ dialogue.day }}'\n";
    let in_zone = |zone: &str, day: &str, next: &str| {
        let lines = format!(
            "{{ alice = 'due today' }},\n{{ bot = 'due {day}' }},\n{{ alice = 'due tomorrow' }},\n{{ bot = 'due {next}' }},\n\
             {{ alice = 'plan' }},\n{{ bot = 'When?' }},\n{{ alice = 'today' }},\n{{ bot = 'planned {day}' }}"
        );
        plays_file(bot, &format!("now = 2026-01-05T23:30:00Z\nzone = '{zone}'\n{}", steps(&lines))).unwrap();
    };
    in_zone("UTC", "2026-01-05", "2026-01-06");
    in_zone("Europe/Berlin", "2026-01-06", "2026-01-07");
    in_zone("America/New_York", "2026-01-05", "2026-01-06");
}

#[test]
fn what_is_approved_may_start_a_dialogue_and_is_no_answer_in_one() {
    let approve = "approve = { by = { people = ['bob@example.com'] } }\n";
    let bot = format!(
        "[[command]]\nusage = 'deploy <what>'\nflow = 'deploy'\n{approve}\
         [[command]]\nusage = 'restart <what>'\nreply = 'restarting {{{{ args.what }}}}'\n{approve}\
         [[flow.deploy.step]]\nname = 'where'\nask = 'Where to?'\nexpect = ['lab', 'prod']\nend = 'to {{{{ dialogue.where }}}}'\n"
    );
    let lines = "{ alice = 'restart db', in = 'Ops' },\n{ bot.shows = 'restart db' },\n\
                 { alice = 'deploy web', in = 'Ops' },\n{ bot.shows = 'deploy web' },\n\
                 { bob.presses = 'Approve', in = 'Ops' },\n{ bot.deletes = true },\n\
                 { bot.says = { contains = 'Bob Example approved what Alice Example asked for: deploy web' } },\n\
                 { bot.says = { contains = 'Where to?' } },\n\
                 { bob.presses = 'Approve', in = 'Ops' },\n{ bot.deletes = true },\n\
                 { bot.says = { contains = 'asked for: restart db' } },\n{ bot = 'restarting db' },\n\
                 { bob = 'lab', in = 'Ops' },\n{ bot.silent = true },\n\
                 { alice = 'lab', in = 'Ops' },\n{ bot = 'to lab' },\n{ bot.ends = true }";
    plays(&bot, lines).unwrap();
}
