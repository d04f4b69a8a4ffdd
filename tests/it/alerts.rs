//! Holds the alarms in `deploy/alerts.yml` against what they are about: metrics and codes that there are, and pages of
//! the runbook that can be opened.

use std::collections::BTreeSet;

const ALERTS: &str = include_str!("../../deploy/alerts.yml");
const METRICS: &str = include_str!("../../docs/reference/metrics.md");
const CODES: &str = include_str!("../../docs/reference/http-errors.md");
const RUNBOOK: &str = include_str!("../../docs/runbook.md");

fn lines(key: &str) -> Vec<&'static str> {
    ALERTS.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(key)).map(str::trim).collect()
}

fn names(text: &str) -> BTreeSet<String> {
    let word = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let rests = text.split("botyard_").skip(1);
    rests.map(|rest| format!("botyard_{}", rest.chars().take_while(word).collect::<String>())).collect()
}

/// As renderers of Markdown make it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_alarm_is_about_metrics_that_there_are() {
    let known = names(METRICS);
    for expression in lines("expr:") {
        let used: Vec<_> = names(expression).into_iter().collect();
        assert!(!used.is_empty(), "`{expression}` watches nothing");
        for name in used {
            assert!(known.contains(&name), "`{name}` is no metric of ours");
        }
        for quoted in expression.split("code").skip(1).filter_map(|rest| rest.split('"').nth(1)) {
            for code in quoted.split('|') {
                assert!(CODES.contains(&format!("| `{code}` |")), "`{code}` is no code of ours");
            }
        }
    }
}

#[test]
fn every_alarm_leads_to_its_page_of_the_runbook() {
    let anchors: BTreeSet<_> = RUNBOOK.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    let (alerts, pages) = (lines("alert:"), lines("runbook_url:"));
    assert!(alerts.len() > 10 && alerts.len() == pages.len(), "{alerts:?}\n{pages:?}");
    for page in pages {
        let (file, heading) = page.split_once('#').unwrap();
        assert_eq!(file, "docs/runbook.md");
        assert!(anchors.contains(heading), "`#{heading}` is no heading of the runbook: {anchors:?}");
    }
}

#[test]
fn every_alarm_is_named_in_the_runbook() {
    for alert in lines("alert:") {
        assert!(RUNBOOK.contains(&format!("`{alert}`")), "`{alert}` is not in the runbook's list of alarms");
    }
}
