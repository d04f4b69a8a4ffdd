//! Cards: what is refused and where, what templates and lists make, and that no value makes more.

use minijinja::context;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::brain::names::Scope;

fn card(text: &str) -> Result<Card, Vec<Trouble>> {
    compile(&Checker::new(), text, Names::of(Scope::Message), &[])
}

fn troubles(text: &str) -> Vec<(String, String)> {
    let found = card(text).unwrap_err();
    found.into_iter().map(|trouble| (text.get(trouble.range).unwrap().to_owned(), trouble.message)).collect()
}

fn with_body(body: &str) -> String {
    format!("{{\"type\": \"AdaptiveCard\", \"version\": \"1.3\", \"body\": {body}}}")
}

fn rendered(body: &str, context: &Value) -> Json {
    card(&with_body(body)).unwrap().render(&Engine::new(), context).unwrap()["body"].clone()
}

#[test]
fn templates_run_inside_of_strings_and_nowhere_else() {
    let text = with_body(
        r#"[{"type": "TextBlock", "text": "Hello {{ person.first_name }}", "wrap": true, "maxLines": 3},
            {"type": "ActionSet", "actions": [{"type": "Action.Submit", "title": "Go",
             "data": {"action": "go", "who": "{{ person.id }}", "n": 7, "none": null}}]}]"#,
    );
    let card = card(&text).unwrap();
    assert!(card.uses().first_name && !card.uses().message);
    let values = context! { person => context! { first_name => "\"},{\"type\":\"Image", id => "P" } };
    let made = card.render(&Engine::new(), &values).unwrap();
    assert_eq!(made["body"][0]["text"], "Hello \"},{\"type\":\"Image");
    assert_eq!(made["body"][1]["actions"][0]["data"], json!({"action": "go", "who": "P", "n": 7, "none": null}));
}

#[test]
fn a_list_makes_as_many_things_as_it_has() {
    let body = r#"[{"type": "TextBlock", "text": "before"},
        {"$each": "payload.alerts", "as": "alert", "item": {"type": "FactSet", "facts": [
            {"$each": "alert.labels", "item": {"title": "{{ alert.name }}", "value": "{{ item }} of {{ person.id }}"}}]}},
        {"type": "TextBlock", "text": "after"}]"#;
    let values = context! {
        person => context! { id => "P" },
        payload => context! { alerts => vec![
            context! { name => "a", labels => vec!["x", "y"] },
            context! { name => "b", labels => Vec::<String>::new() },
        ] },
    };
    let made = rendered(body, &values);
    assert_eq!(made.as_array().unwrap().len(), 4);
    assert_eq!(made[1]["facts"][1], json!({"title": "a", "value": "y of P"}));
    assert_eq!(made[2]["facts"], json!([]));
    assert_eq!(rendered(body, &context! {}).as_array().unwrap().len(), 2, "a list that is not there is empty");
}

#[test]
fn the_templates_of_a_card_share_the_work_of_ten() {
    let costly = "{% for n in range(1000) %}{% if n > 5000 %}x{% endif %}{% endfor %}";
    let texts = |number: usize| {
        let text = json!({ "type": "TextBlock", "text": costly }).to_string();
        with_body(&format!("[{}]", vec![text; number].join(",")))
    };
    let render = |number| card(&texts(number)).unwrap().render(&Engine::new(), &context! {});
    assert!(render(5).is_ok());
    let error = render(60).unwrap_err().sentence();
    assert!(error.contains("do more than those of one card may"), "{error}");
}

#[test]
fn what_a_reply_gives_along_is_seen_under_its_name() {
    let text = with_body(r#"[{"type": "TextBlock", "text": "{{ data.count }} of {{ data.all }}"}]"#);
    assert!(card(&text).is_err());
    let card = compile(&Checker::new(), &text, Names::of(Scope::Message), &["data"]).unwrap();
    let made = card.render(&Engine::new(), &context! { data => context! { count => 3, all => 5 } }).unwrap();
    assert_eq!(made["body"][0]["text"], "3 of 5");
}

#[test]
fn what_is_no_list_or_too_long_a_one_is_told() {
    let text = with_body(r#"[{"$each": "payload.x", "item": {"type": "TextBlock", "text": "{{ item }}"}}]"#);
    let card = card(&text).unwrap();
    let failed =
        |x: Value| card.render(&Engine::new(), &context! { payload => context! { x } }).unwrap_err().sentence();
    assert!(failed(Value::from("words")).contains("no list"));
    assert!(failed(Value::from(vec!["x"; MOST_ITEMS + 1])).contains("more than 200"));
    assert!(failed(Value::from(vec!["x".repeat(1_000); 150])).contains("80 KB"));
}

#[test]
fn what_webex_does_not_draw_is_told_at_its_place() {
    let one = |body: &str| troubles(&with_body(body)).remove(0);
    assert_eq!(
        one(r#"[{"type": "TextBlok", "text": "x"}]"#),
        ("\"TextBlok\"".into(), "Webex knows no element `TextBlok`".into())
    );
    assert_eq!(one(r#"[{"text": "x"}]"#), ("{".into(), "the element has no `type`".into()));
    assert_eq!(one(r#"[{"type": "Image"}]"#).1, "`Image` needs `url`");
    assert!(one(r#"[{"type": "Input.Text"}]"#).1.contains("needs `id`"));
    assert!(one(r#"[{"type": "Media", "sources": []}]"#).1.contains("no element `Media`"));
    let twice = r#"[{"type": "Input.Text", "id": "a"}, {"type": "Input.Date", "id": "a"}]"#;
    assert_eq!(one(twice), ("\"a\"".into(), "there are two inputs `a`".into()));
    let execute = r#"[{"type": "ActionSet", "actions": [{"type": "Action.Execute"}]}]"#;
    assert_eq!(one(execute).0, "\"Action.Execute\"");
    assert_eq!(one("\"x\"").1, "a list is expected here");
    let submit = r#"{"type": "Action.Submit", "title": "t"}"#;
    let row = |count: usize| format!(r#"[{{"type": "ActionSet", "actions": [{}]}}]"#, vec![submit; count].join(","));
    assert!(card(&with_body(&row(5))).is_ok());
    assert_eq!(one(&row(6)).1, "a card has at most five buttons in a row");
    let images =
        |count: usize| format!("[{}]", vec![r#"{"type": "Image", "url": "https://h/i.png"}"#; count].join(","));
    assert!(card(&with_body(&images(10))).is_ok());
    assert!(one(&images(11)).1.contains("ten images"));
    assert!(one(&format!(r#"[{{"type": "TextBlock", "text": "{}"}}]"#, "x".repeat(81_920))).1.contains("80 KB"));
    let version = r#"{"type": "AdaptiveCard", "version": "1.5"}"#;
    assert_eq!(troubles(version)[0].0, "\"1.5\"");
    assert_eq!(troubles("[]")[0].1, "a card is an object");
    assert_eq!(troubles("{}").len(), 2);
}

#[test]
fn names_and_templates_are_checked_at_their_places() {
    let one = |body: &str| troubles(&with_body(body)).remove(0);
    assert_eq!(one(r#"[{"type": "TextBlock", "text": "a\n\"{{ mesage.text }}"}]"#).0, "mesage.text");
    assert_eq!(one(r#"[{"$each": "payload.a", "item": {"type": "TextBlock", "text": "{{ itm.x }}"}}]"#).0, "itm.x");
    assert_eq!(one(r#"[{"$each": "persn.a", "item": {}}]"#).0, "persn.a");
    assert!(one(r#"[{"$each": "a b", "item": {"type": "TextBlock", "text": "x"}}]"#).1.contains("no expression"));
    assert!(one(r#"[{"$each": "{{ a }}", "item": {"type": "TextBlock", "text": "x"}}]"#).1.contains("no braces"));
    assert!(
        one(r#"[{"$each": "payload.a", "as": "person", "item": {"type": "TextBlock", "text": "x"}}]"#)
            .1
            .contains("`as`")
    );
    let all = |body: &str| troubles(&with_body(body)).into_iter().map(|(_, message)| message).collect::<String>();
    assert!(all(r#"[{"$each": "payload.a", "itm": {}}]"#).contains("`itm`"));
    assert!(one(r#"[{"type": "{{ payload.type }}", "text": "x"}]"#).1.starts_with("Webex knows no element"));
    assert!(one(r#"[{"type": "TextBlock", "text": "x", "{{ now }}": "x"}]"#).1.contains("no template"));
    let lone = r#"[{"type": "Container", "items": [], "selectAction": {"$each": "payload.a", "item": {}}}]"#;
    assert!(troubles(&with_body(lone)).iter().any(|(_, message)| message.contains("only in a list")));
}

#[test]
fn a_value_makes_no_link_where_clients_read_them() {
    let body =
        r#"[{"type": "TextBlock", "text": "[{{ payload.a }}]({{ payload.b }}) {{ payload.c }}{{ payload.b }}"}]"#;
    let text = |a: &str, b: &str, c: &str| {
        let values = context! { payload => context! { a => a.to_owned(), b => b.to_owned(), c => c.to_owned() } };
        rendered(body, &values)[0]["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(text("docs", "https://h", "x"), "[docs](https://h) xhttps://h", "the author's own link is one");
    assert!(text("x", "y", "[click](http://evil)").contains("[click] (http://evil)"));
    assert!(text("x", "(http://evil)", "[click]").contains("[click] (http://evil)"));
    let data = r#"[{"type": "ActionSet", "actions": [{"type": "Action.Submit", "data": {"x": "{{ payload.a }}"}}]}]"#;
    let values = context! { payload => context! { a => "[a](b)" } };
    assert_eq!(rendered(data, &values)[0]["actions"][0]["data"]["x"], "[a](b)", "data is left as it is");
}

/// The same with every string emptied: what is left is what a card is made of.
fn skeleton(value: &Json) -> Json {
    match value {
        Json::String(_) => json!(""),
        Json::Array(items) => items.iter().map(skeleton).collect(),
        Json::Object(fields) => {
            Json::Object(fields.iter().map(|(key, value)| (key.clone(), skeleton(value))).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn no_value_adds_an_element(one in "[\\[\\]{}\",:a-z%#$ \\\\\n]{0,30}|\\PC{0,20}", two in "\\PC{0,20}") {
        let text = with_body(
            r#"[{"type": "TextBlock", "text": "{{ payload.one }}{{ message.text }}"},
                {"type": "FactSet", "facts": [{"title": "{{ payload.two | upper }}", "value": "x{{ payload.one | raw }}"}]},
                {"$each": "payload.list", "item": {"type": "TextBlock", "text": "{{ item }}{{ item | tojson }}"}},
                {"type": "ActionSet", "actions": [{"type": "Action.OpenUrl", "url": "https://h/{{ payload.one | urlencode }}"}]}]"#,
        );
        let Ok(card) = card(&text.replace("{{ item | tojson }}", "")) else { return Err(TestCaseError::fail("it compiles")) };
        let values = |one: &str, two: &str| context! {
            message => context! { text => two.to_owned() },
            payload => context! { one => one.to_owned(), two => two.to_owned(), list => vec![one.to_owned(), two.to_owned()] },
        };
        let engine = Engine::new();
        let made = card.render(&engine, &values(&one, &two)).unwrap();
        let plain = card.render(&engine, &values("x", "y")).unwrap();
        prop_assert_eq!(skeleton(&made), skeleton(&plain));
        let read: Json = serde_json::from_str(&made.to_string()).unwrap();
        prop_assert_eq!(read, made);
    }

    /// Whatever a value holds: in what clients read as markdown it makes no link.
    #[test]
    fn no_value_makes_a_link(one in "[\\[\\]()a!<>]{0,12}", two in "[\\[\\]()a!<>]{0,12}") {
        let body = r#"[{"type": "TextBlock", "text": "[x]{{ payload.one }}{{ payload.two }}(y) {{ payload.one }}"}]"#;
        let values = context! { payload => context! { one => one.clone(), two } };
        let made = rendered(body, &values);
        let text = made[0]["text"].as_str().unwrap();
        let own = if one.is_empty() && !text.contains("[x] (") { usize::from(text.starts_with("[x](y)")) } else { 0 };
        prop_assert_eq!(text.matches("](").count(), own, "{}", text);
    }

    #[test]
    fn whatever_is_written_is_a_card_or_trouble_at_a_place_of_it(text in "[\\[\\]{}\",:a-z0-9$ .%]{0,60}") {
        if let Err(found) = card(&text) {
            prop_assert!(!found.is_empty());
            for trouble in found {
                prop_assert!(text.get(trouble.range.clone()).is_some(), "{:?} {:?}", trouble, text);
            }
        }
    }
}
