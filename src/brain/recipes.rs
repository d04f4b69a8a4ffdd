//! The recipes of the guide, each with what its program really sends.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Program,
    fixture::{Asked, World, program},
};
use crate::base::{Event, Millis, Trigger};

/// The definition of the guide that begins with this line.
fn recipe(file: &str) -> std::sync::Arc<Program> {
    let page = include_str!("../../docs/guide/inbound.md");
    let begins = format!("# bots.d/{file}\n");
    let text = page.split("```toml\n").filter_map(|block| block.split("```").next()).find(|b| b.starts_with(&begins));
    program(text.unwrap_or_else(|| panic!("no recipe {file}")))
}

struct Post {
    file: &'static str,
    hook: &'static str,
    payload: Value,
    headers: BTreeMap<String, String>,
}

fn json(file: &'static str, hook: &'static str, payload: &str, headers: &[(&str, &str)]) -> Post {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Post { file, hook, payload: serde_json::from_str(payload).unwrap(), headers }
}

impl Post {
    fn play(&self) -> Asked {
        let program = recipe(self.file);
        assert!(program.inbounds().iter().any(|inbound| *inbound.name == *self.hook));
        let (name, payload, headers) = (self.hook.to_owned(), self.payload.clone(), self.headers.clone());
        let event = Event { at: Millis(0), actor: None, trigger: Trigger::Inbound { name, payload, headers } };
        let asked = Asked::play(&program, &event, &World::saying("")).unwrap();
        assert_eq!(asked.buried, None);
        asked
    }

    fn key(&self) -> Option<String> {
        recipe(self.file).inbounds()[0].key(&super::Engine::new(), &self.payload, &self.headers)
    }
}

#[test]
fn alertmanager_is_said_by_group_and_changed_when_it_is_resolved() {
    let firing = include_str!("../../tests/posts/alertmanager.json");
    let asked = json("alerts.toml", "alertmanager", firing, &[]).play();
    assert_eq!(asked.said(), ["**FIRING** HostOutOfDiskSpace (2)\n- db-1:9100 has 3% of its disk left\n- db-2:9100"],);
    let key = |asked: &Asked| asked.deliveries[0].key.as_ref().unwrap().key.clone();
    let resolved = json("alerts.toml", "alertmanager", &firing.replace("firing", "resolved"), &[]).play();
    assert!(resolved.said()[0].starts_with("**RESOLVED**"));
    assert_eq!(key(&asked), key(&resolved));
}

#[test]
fn grafana_brings_its_own_words() {
    let asked = json("grafana.toml", "grafana", include_str!("../../tests/posts/grafana.json"), &[]).play();
    let said = asked.said()[0].replace('\\', "");
    assert!(said.starts_with("**[FIRING:1] High latency (Web)**\n\n"), "{said}");
    assert!(said.contains("alertname = High latency"), "{said}");
}

#[test]
fn github_is_told_by_its_header_and_known_when_it_comes_again() {
    let run = include_str!("../../tests/posts/github_workflow_run.json");
    let headers = [("x-github-event", "workflow_run"), ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")];
    let post = json("github.toml", "github", run, &headers);
    assert_eq!(post.play().said(), ["octo-org/octo-repo: Build on `main` ended with **failure**"]);
    assert_eq!(post.key().as_deref(), Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"));
    let push = include_str!("../../tests/posts/github_push.json");
    let pushed = json("github.toml", "github", push, &[("x-github-event", "push")]).play();
    assert_eq!(pushed.said(), ["octocat pushed 1 to octo-org/octo-repo: Fix \\[the\\] \\*build\\*"]);
    let ping = include_str!("../../tests/posts/github_ping.json");
    let silent = json("github.toml", "github", ping, &[("x-github-event", "ping")]).play();
    assert_eq!((silent.rule.as_str(), silent.deliveries.len()), ("none: no rule of inbound \"github\" applies", 0));
}

#[test]
fn gitlab_tells_of_pipelines_that_ended() {
    let failed = include_str!("../../tests/posts/gitlab_pipeline.json");
    let headers = [("x-gitlab-event", "Pipeline Hook"), ("idempotency-key", "f5e5f430-f57b-4e6e-9fac-d9128cd7232f")];
    let post = json("gitlab.toml", "gitlab", failed, &headers);
    assert_eq!(post.play().said(), ["gitlab-org/gitlab-test: pipeline 31 on `master` **failed**"]);
    assert!(post.key().is_some());
    let running =
        json("gitlab.toml", "gitlab", &failed.replace("\"status\":\"failed\"", "\"status\":\"running\""), &headers);
    assert!(running.play().deliveries.is_empty());
}

#[test]
fn plain_text_is_said_as_it_is() {
    let text = "error: could not compile `botyard`\n\nwarning: build failed";
    let post = Post { file: "notify.toml", hook: "say", payload: text.into(), headers: BTreeMap::new() };
    assert_eq!(post.play().said(), [text]);
}
