use proptest::prelude::*;

use super::*;
use crate::base::BotId;

const BERLIN: Tz = Tz::Europe__Berlin;

fn cron(text: &str) -> Plan {
    Plan::new(Timing::Cron(check(text).unwrap().into()))
}

fn at(text: &str) -> Millis {
    Millis::from_iso(text).unwrap()
}

/// The next runs, in UTC and without seconds.
fn runs(plan: &Plan, after: &str, zone: Tz, count: usize) -> Vec<String> {
    let mut at = at(after);
    let mut runs = Vec::new();
    for _ in 0..count {
        at = plan.next(at, zone).unwrap();
        runs.push(at.iso().replace(":00.000Z", "Z"));
    }
    runs
}

#[test]
fn a_run_is_by_the_clock_of_its_zone() {
    let plan = cron("0 9 * * MON-FRI");
    assert_eq!(runs(&plan, "2026-11-27T07:00:00Z", BERLIN, 2), ["2026-11-27T08:00Z", "2026-11-30T08:00Z"]);
    let there = Plan { zone: Some(Tz::America__New_York), ..plan };
    assert_eq!(runs(&there, "2026-11-27T07:00:00Z", BERLIN, 1), ["2026-11-27T14:00Z"]);
}

#[test]
fn a_time_that_does_not_exist_runs_when_the_gap_is_over() {
    // Berlin, 2026-03-29: from 02:00 to 03:00, that is at 01:00Z.
    let plan = cron("30 2 * * *");
    let expected = ["2026-03-28T01:30Z", "2026-03-29T01:00Z", "2026-03-30T00:30Z"];
    assert_eq!(runs(&plan, "2026-03-27T12:00:00Z", BERLIN, 3), expected);
    let several = cron("15,45 2,3 * * *");
    let expected = ["2026-03-29T01:00Z", "2026-03-29T01:15Z", "2026-03-29T01:45Z", "2026-03-30T00:15Z"];
    assert_eq!(runs(&several, "2026-03-28T12:00:00Z", BERLIN, 4), expected, "two in the gap are one run");
}

#[test]
fn a_time_that_exists_twice_runs_once() {
    // Berlin, 2026-10-25: from 03:00 back to 02:00, that is at 01:00Z.
    let plan = cron("30 2 * * *");
    let expected = ["2026-10-24T00:30Z", "2026-10-25T00:30Z", "2026-10-26T01:30Z"];
    assert_eq!(runs(&plan, "2026-10-23T12:00:00Z", BERLIN, 3), expected);
    assert_eq!(runs(&plan, "2026-10-25T00:30:00Z", BERLIN, 1), ["2026-10-26T01:30Z"]);
    assert_eq!(runs(&plan, "2026-10-25T01:10:00Z", BERLIN, 1), ["2026-10-26T01:30Z"], "asked in the second hour");
}

#[test]
fn what_runs_every_hour_goes_by_elapsed_time() {
    let plan = cron("30 * * * *");
    let back = ["2026-10-24T23:30Z", "2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-25T02:30Z"];
    assert_eq!(runs(&plan, "2026-10-24T23:00:00Z", BERLIN, 4), back);
    let forward = ["2026-03-29T00:30Z", "2026-03-29T01:30Z", "2026-03-29T02:30Z"];
    assert_eq!(runs(&plan, "2026-03-29T00:00:00Z", BERLIN, 3), forward);
}

#[test]
fn every_so_often_does_not_depend_on_when_it_began() {
    let plan = Plan::new(Timing::Every(900_000));
    assert_eq!(runs(&plan, "2026-01-01T00:07:00Z", BERLIN, 2), ["2026-01-01T00:15Z", "2026-01-01T00:30Z"]);
    assert_eq!(runs(&plan, "2026-01-01T00:15:00Z", BERLIN, 1), ["2026-01-01T00:30Z"]);
}

#[test]
fn excepted_days_are_left_out_by_the_clock_of_the_zone() {
    let plan = Plan { except: dates("2026-12-25\n2026-12-26").unwrap().into(), ..cron("30 0 * * *") };
    let expected = ["2026-12-23T23:30Z", "2026-12-26T23:30Z"];
    assert_eq!(runs(&plan, "2026-12-23T12:00:00Z", BERLIN, 2), expected);
    let often = Plan { timing: Timing::Every(60_000), ..plan };
    assert_eq!(runs(&often, "2026-12-24T22:59:00Z", BERLIN, 1), ["2026-12-26T23:00Z"]);
}

#[test]
fn each_person_has_the_run_at_their_own_time() {
    let plan = Plan { per_person: true, zone: Some(BERLIN), ..cron("0 9 * * MON") };
    let planned = plan.next(at("2026-11-28T12:00:00Z"), Tz::UTC).unwrap();
    assert_eq!(planned.iso(), "2026-11-29T19:00:00.000Z", "the first people have their Monday");
    let of = |zone: Option<Tz>| plan.for_person(planned, zone, Tz::UTC).unwrap().iso();
    assert_eq!(of(Some(Tz::Pacific__Kiritimati)), "2026-11-29T19:00:00.000Z");
    assert_eq!(of(Some(Tz::Asia__Tokyo)), "2026-11-30T00:00:00.000Z");
    assert_eq!(of(None), "2026-11-30T08:00:00.000Z", "the schedule's zone stands for one that is not known");
}

#[test]
fn the_last_runs_are_found_however_long_ago_the_first_was() {
    let plan = cron("* * * * *");
    let (last, more) = plan.last(at("2020-01-01T00:00:00Z"), at("2026-01-01T00:00:30Z"), 3, BERLIN);
    let last: Vec<_> = last.into_iter().map(Millis::iso).collect();
    assert_eq!(last, ["2025-12-31T23:58:00.000Z", "2025-12-31T23:59:00.000Z", "2026-01-01T00:00:00.000Z"]);
    assert!(more);
    let (last, more) = plan.last(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:01:00Z"), 3, BERLIN);
    assert_eq!((last, more), (vec![at("2026-01-01T00:01:00Z")], false));
}

#[test]
fn what_is_no_expression_is_told_in_a_sentence() {
    let told = |text: &str| check(text).unwrap_err().to_string();
    assert!(told("0 9 * *").contains("five fields") && told("0 9 * *").contains("has 4"));
    assert!(told("0 0 9 * * *").contains("has 6"));
    assert_eq!(check("0 0 30 2 *"), Err(CronError::Never));
    assert!(matches!(check("61 9 * * *"), Err(CronError::Wrong(_))));
    assert!(matches!(check("0 9 * * FUN"), Err(CronError::Wrong(_))));
    assert_eq!(check(" 0  9 * * mon-fri ").as_deref(), Ok("0 9 * * mon-fri"));
    assert_eq!(check("@daily").as_deref(), Ok("0 0 * * *"));
    assert_eq!(check("0 0 29 2 *").as_deref(), Ok("0 0 29 2 *"));
}

#[test]
fn runs_are_written_as_people_read_them() {
    let written =
        |plan: &Plan| plan.coming(at("2026-11-27T12:00:00Z"), BERLIN).take(2).map(|(_, text)| text).collect::<Vec<_>>();
    assert_eq!(written(&cron("0 9 * * MON-FRI")), ["Mon 2026-11-30 09:00 CET", "Tue 2026-12-01 09:00 CET"]);
    let each = Plan { per_person: true, ..cron("0 9 * * MON-FRI") };
    assert_eq!(written(&each)[0], "Mon 2026-11-30 09:00 where each person is");
    assert_eq!(written(&Plan::new(Timing::Every(90_000)))[0], "Fri 2026-11-27 13:01:30 CET");
}

fn zones() -> impl Strategy<Value = Tz> {
    prop::sample::select(vec![
        Tz::UTC,
        BERLIN,
        Tz::America__New_York,
        Tz::America__Sao_Paulo,
        Tz::Australia__Lord_Howe,
        Tz::Asia__Kathmandu,
        Tz::Pacific__Apia,
        Tz::Africa__Casablanca,
        Tz::Antarctica__Troll,
        Tz::America__Havana,
    ])
}

fn crons() -> impl Strategy<Value = String> {
    let minute = prop_oneof![(0..60u32).prop_map(|m| m.to_string()), Just("*/20".to_owned()), Just("0,30".to_owned())];
    let hour = prop_oneof![
        (0..24u32).prop_map(|h| h.to_string()),
        Just("*".to_owned()),
        Just("*/3".to_owned()),
        Just("1-3".to_owned())
    ];
    let day = prop_oneof![Just("* * *".to_owned()), Just("* * MON-FRI".to_owned()), Just("L * *".to_owned())];
    (minute, hour, day).prop_map(|(minute, hour, day)| format!("{minute} {hour} {day}"))
}

proptest! {
    #[test]
    fn nothing_panics(text in "[0-9*/,L#A-Za-z@ -]{0,20}", after in 946_684_800_000_i64..4_102_444_800_000) {
        if let Ok(text) = check(&text) {
            let _ = Plan::new(Timing::Cron(text.into())).next(Millis(after), BERLIN);
        }
        let _ = (zone(&text).is_ok(), dates(&text).is_ok());
    }

    /// Runs only go forward, and asking from anywhere between two runs gives the later one: whoever restarts finds
    /// the same moments.
    #[test]
    fn the_next_run_does_not_depend_on_when_it_is_asked(
        text in crons(), zone in zones(), after in 1_700_000_000_000_i64..1_900_000_000_000, part in 0.0..1.0_f64,
    ) {
        let plan = cron(&text);
        let first = plan.next(Millis(after), zone).unwrap();
        let second = plan.next(first, zone).unwrap();
        prop_assert!(Millis(after) < first && first < second);
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any moment between will do")]
        let between = first.0 + ((second.0 - first.0 - 1) as f64 * part) as i64;
        prop_assert_eq!(plan.next(Millis(between), zone).unwrap(), second);
        prop_assert_eq!(plan.last(Millis(after), second, 2, zone), (vec![first, second], false));
    }

    /// Every time of the day that the expression names runs once on each day, whatever the clock does.
    #[test]
    fn a_named_time_runs_once_a_day(hour in 0..24u32, minute in 0..60u32, zone in zones(), day in 19_700_i64..21_500) {
        let plan = cron(&format!("{minute} {hour} * * *"));
        let mut at = Millis(day * 86_400_000);
        let mut last: Option<NaiveDate> = None;
        for _ in 0..10 {
            at = plan.next(at, zone).unwrap();
            let date = local(at, zone).unwrap().date();
            prop_assert!(last.is_none_or(|last| last.succ_opt() == Some(date)), "{last:?} {date}");
            last = Some(date);
        }
    }

    #[test]
    fn no_run_waits_as_long_as_it_may_at_most(planned in any::<i64>(), most in 1..100_000_u64) {
        let bot = BotId::parse("echo").unwrap();
        let most = Duration::from_millis(most);
        let waits = jitter(&bot, "standup", Millis(planned), most);
        prop_assert!(waits < most);
        prop_assert_eq!(waits, jitter(&bot, "standup", Millis(planned), most));
    }
}
