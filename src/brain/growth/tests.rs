//! Templates that would grow without end, each refused; and those that do not, each accepted and rendered.

use minijinja::{ErrorKind, Value};
use proptest::prelude::*;

use super::check;
use crate::{brain::engine::Engine, definition::Format};

fn refused(source: &str) -> Option<String> {
    check(source, false).map(|found| source.get(found.range).unwrap_or("?").to_owned())
}

fn render(source: &str) -> Result<String, ErrorKind> {
    let people: Vec<_> = (0..20)
        .map(|at| {
            Value::from_pairs([
                ("name", Value::from(format!("p{at}"))),
                ("team", Value::from(at / 5)),
                ("votes", Value::from(at)),
            ])
        })
        .collect();
    let room = Value::from_pairs([("people", Value::from(people)), ("count", Value::from(3))]);
    let state = Value::from_pairs([("room", room)]);
    let values = Value::from_pairs([("state", state), ("text", Value::from("t"))]);
    Engine::new().render(Format::Text, source, values).map_err(|error| error.kind)
}

#[test]
fn what_doubles_nests_or_multiplies_is_refused() {
    let looped = |start: &str, body: &str| {
        format!("{{% set n = namespace({start}) %}}{{% for i in range(60) %}}{body}{{% endfor %}}{{{{ n.x }}}}")
    };
    let list = |body: &str| looped("x=[text], y=[text]", body);
    let inner = "{% set n = namespace(x=[text]) %}{% for i in range(9) %}";
    let mut templates = vec![
        list("{% set n.x = n.x + n.x %}"),
        list("{% set n.x = [n.x, n.x] %}"),
        list("{% set n.x = {'a': n.x, 'b': n.x} %}"),
        list("{% set n.x = {n.x: n.x} %}"),
        list("{% set n.x = (n.x, n.x) %}"),
        list("{% set n.x = [n.x] %}"),
        list("{% set n.x = dict(a=n.x, b=n.x) %}"),
        list("{% set n.x = n.x | zip(n.x) %}"),
        list("{% set n.x = n.x | chain(n.x) %}"),
        list("{% set n.x = n.x | batch(9, n.x) %}"),
        list("{% set n.x = n.x | map('default', n.x) %}"),
        list("{% set n.x = n.x | map('chain', n.x) | sum(start=[]) %}"),
        list("{% set n.x = [n.x, n.x] | sum(start=[]) %}"),
        list("{% set n.x = n.x | default([]) + n.x | sort %}"),
        list("{% set n.x = (n.x or []) + (n.x and n.x) %}"),
        list("{% set n.x = n.x + (n.x if i else []) %}"),
        list("{% set n.x = n.x * 2 %}"),
        list("{% set n.x = n.x[0:] + n.x[:9] %}"),
        list("{% set n.y = n.x + n.x %}{% set n.x = n.y %}"),
        list("{% set n.y = n.x + n.y %}{% set n.x = n.x + n.y %}"),
        list("{% set n.y = n.x %}{% set n.x = n.x + n.y %}"),
        list("{% with a = n.x, b = n.x %}{% set n.x = a + b %}{% endwith %}"),
        list("{% for a in [n.x] %}{% set n.x = a + a %}{% endfor %}"),
        list("{% for a in [n.x, n.x] %}{% set n.x = n.x + a %}{% endfor %}"),
        list("{% for a in [n.x] %}{% for b in [a] %}{% set n.x = a + b %}{% endfor %}{% endfor %}"),
        list("{% set a, b = n.x, n.x %}{% set n.x = a + b %}"),
        list("{% set n.x, n.y = n.x + n.y, n.x + n.y %}"),
        list("{% for a in [n.x] %}{% if loop.previtem %}{% endif %}{% set n.x = loop.cycle(n.x, n.x) + n.x %}{% endfor %}"),
        list("{% for a in n.x %}{% set n.x = n.x + [loop.previtem, n.x] %}{% endfor %}"),
        list("{% set n.x = n.x | int(n.x) + n.x | int(default=n.x) %}"),
        list("{% set n.x = [n.x, n.x] | first %}"),
        list("{% set n.x = [n.x + n.x][0] %}"),
        list("{% set n.x = {'a': n.x + n.x}.a %}"),
        list("{% set n.x = n.x | groupby('a', default=n.x) %}"),
        list("{% set n.y = n.y + [n.x] %}{% set n.x = n.x + [n.y] %}"),
        list("{% set n.y = n.y + [i] %}{% set n.x = n.x + [n.y] %}"),
        list("{% set m = n %}{% set m.x = m.x + n.x %}"),
        list("{% for m in [n] %}{% set m.x = m.x + m.x %}{% endfor %}"),
        list("{% set n.x = namespace(a=n.x, b=n.x) %}"),
        list("{% set n.x = n.x + ([1] | batch(39000, 1)) %}"),
        list("{% with a = n.x %}{% with a = a %}{% set n.x = a + a %}{% endwith %}{% endwith %}"),
        list("{% with a = n.x, b = a %}{% set n.x = b + b %}{% endwith %}"),
        list("{% for a in [n.x] %}{% for a in [a] %}{% set n.x = a + a %}{% endfor %}{% endfor %}"),
        list("{% for a in [n.x] if n.x %}{% set b = a %}{% set n.x = a + b %}{% endfor %}"),
        list("{% macro m(x, y=x) %}{% set n.x = x + y %}{% endmacro %}{{ m(n.x) }}"),
        list("{% set a %}{{ 1 }}{% endset %}{% set a = n.x %}{% set n.x = a + a %}"),
        list("{% set message = n.x %}{% set n.x = message.text + message.text %}"),
        list("{% set range = n.x %}{% for a in range(9) %}{% set n.x = a + a %}{% endfor %}"),
        list("{% set y = [n.x] %}{% set n.x = (n.x, y)[0] + y[0] %}"),
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.y = [n.x] %}{% set n.x = n.y + n.y %}{% endfor %}".into(),
        format!("{{% set x = [[text]] %}}{}{{{{ x }}}}", "{% set x = x + x %}".repeat(40)),
        format!("{{% set x = [text] %}}{}{{{{ x }}}}", "{% set x = [x] %}".repeat(40)),
        (0..40).fold("{% set x0 = [text] %}".to_owned(), |made, at| {
            made + format!("{{% set x{} = x{at} + x{at} %}}", at + 1).as_str()
        }),
        (0..99).fold("{% set x0 = [text] %}".to_owned(), |made, at| made + format!("{{% set x{} = [x{at}] %}}", at + 1).as_str()),
        "{% macro m(x) %}{{ m(x + x) }}{% endmacro %}{{ m([text]) }}".into(),
        "{% macro m(x, y=[1]) %}{{ m(x=x + y, y=x + y) }}{% endmacro %}{{ m([text]) }}".into(),
        "{% macro m(x) %}{% set f = m %}{{ f(x + x) }}{% endmacro %}{{ m([text]) }}".into(),
        "{% macro m(x) %}{{ [m][0](x + x) }}{% endmacro %}{{ m([text]) }}".into(),
        "{% macro m(x) %}{{ caller(x + x) }}{% endmacro %}{% macro w(y) %}{% call(z) m(y) %}{{ w(z) }}{% endcall %}{% endmacro %}{{ w([text]) }}".into(),
        "{% macro m(x) %}{% do m(x + x) %}{% endmacro %}{% do m([text]) %}".into(),
        "{% macro m(x) %}{{ m(*[x + x]) }}{% endmacro %}{{ m([text]) }}".into(),
        "{% macro m(x) %}{{ m(**{'x': x + x}) }}{% endmacro %}{{ m([text]) }}".into(),
        "{% macro m(x) %}{% filter replace(m(x + x), '') %}{% endfilter %}{% endmacro %}{{ m([text]) }}".into(),
        "{% macro double(s) %}{% set s.x = s.x + s.x %}{% endmacro %}{% set n = namespace(x=[text]) %}{% for i in range(60) %}{{ double(n) }}{% endfor %}".into(),
        "{% for a in [[text]] recursive %}{{ loop(a + a) }}{% endfor %}".into(),
        "{% for a in [[text]] recursive %}{% set l = loop %}{{ loop([a, a]) }}{% endfor %}".into(),
        "{% set n = namespace(x=[text]) %}{% for i in range(9) recursive %}{% set n.x = n.x + n.x %}{{ loop([1]) }}{% endfor %}".into(),
        "{{ ([[1] * 100000000] * 100000000) | string }}".into(),
        "{{ (state.room.people * 100000000) ~ '' }}".into(),
        "{{ 100000000 * (state.room.people or 1) ~ '' }}".into(),
        "{% set y = state.room.people * 100000000 %}".into(),
        "{{ state.room.people * 60 * 60 }}".into(),
        "{{ state.room.count * state.room.count }}".into(),
        "{% if [text] * 100000000 == [text] * 99999999 %}{% endif %}".into(),
        "{{ text | replace(([1] * 100000000) ~ '', '') }}".into(),
        "{% if text is eq([1] * 100000000) %}{% endif %}".into(),
        "{{ {'a': 1}[[1] * 100000000] }}".into(),
        format!("{inner}{{% set n.x = n.x + [1] %}}{{% endfor %}}{{{{ [{}] }}}}", "n.x, ".repeat(100)),
        format!("{inner}{{% set n.x = n.x + [{}] %}}{{% endfor %}}", "1, ".repeat(100)),
        "{% macro m(a, b, c, d, e) %}{% endmacro %}".repeat(600) + "{{ m(a, b, c, d, e) }}".repeat(1000).as_str(),
        (0..120).fold(String::new(), |made, at| made + format!("{{% set x{at} = [1] %}}").as_str()),
    ];
    templates.extend(
        [
            "{% set n.x = n['x'] + n['x'] %}",
            "{% set n.x = n | attr('x') + n | attr('x') %}",
            "{% set n.x = dict(n).x + n.x %}",
        ]
        .map(list),
    );
    let passed: Vec<_> = templates.iter().filter(|template| refused(template).is_none()).collect();
    assert!(passed.is_empty(), "{passed:#?}");
}

#[test]
fn what_grows_by_the_round_is_accepted_and_comes_to_an_end() {
    let people = "{% for p in state.room.people %}";
    for template in [
        "{% set yes = state.room.people | length %}{% set no = 3 %}{{ yes + no }}".to_owned(),
        format!("{{% set ns = namespace(total=0) %}}{people}{{% set ns.total = ns.total + p.votes %}}{{% endfor %}}{{{{ ns.total }}}}"),
        format!("{{% set ns = namespace(items=[]) %}}{people}{{% set ns.items = ns.items + [p.name] %}}{{% endfor %}}{{{{ ns.items | join(', ') }}}}"),
        format!("{{% set ns = namespace(n=0, s=0) %}}{people}{{% set ns.n = ns.n + 1 %}}{{% set ns.s = ns.s + ns.n * 2 %}}{{% endfor %}}{{{{ ns.s / ns.n }}}}"),
        format!("{{% set ns = namespace(text='') %}}{people}{{% set ns.text = ns.text ~ p.name %}}{{% endfor %}}{{{{ ns.text }}}}"),
        format!("{{% set ns = namespace(text='') %}}{people}{{% if loop.index < 8 %}}{{% set ns.text = ns.text + p.name + ns.text %}}{{% endif %}}{{% endfor %}}{{{{ ns.text | length }}}}"),
        format!("{{% set ns = namespace(rows=[]) %}}{people}{{% set ns.rows = ns.rows + [{{'type': 'TextBlock', 'text': p.name, 'wrap': true, 'n': loop.index * 2}}] %}}{{% endfor %}}{{{{ ns.rows | json_value }}}}"),
        format!("{{% set ns = namespace(a=[], b=[]) %}}{people}{{% if p.votes > 3 %}}{{% set ns.a = ns.a + [p] %}}{{% else %}}{{% set ns.b = ns.b + [p] %}}{{% endif %}}{{% endfor %}}{{{{ (ns.a + ns.b) | map(attribute='name') | join }}}}"),
        format!("{{% set ns = namespace(a=[], b=[]) %}}{people}{{% set ns.a = ns.a + [p] %}}{{% endfor %}}{{% for p in ns.a %}}{{% set ns.b = ns.b + [p.name] %}}{{% endfor %}}{{{{ ns.b | join }}}}"),
        format!("{{% set ns = namespace(best=none) %}}{people}{{% if not ns.best or p.votes > ns.best.votes %}}{{% set ns.best = p %}}{{% endif %}}{{% endfor %}}{{{{ ns.best.name }}}}"),
        "{% macro row(p, last=false) %}{{ p.name }}{% if not last %}, {% endif %}{% endmacro %}{% for p in state.room.people %}{{ row(p, loop.last) }}{% endfor %}".into(),
        "{% macro tree(items) %}{% for i in items %}{{ i.name }}{{ tree(i.children or []) }}{% endfor %}{% endmacro %}{{ tree(state.room.people) }}".into(),
        "{% for p in state.room.people recursive %}{{ p.name }}{{ loop(p.children or []) }}{% endfor %}".into(),
        "{% macro box() %}<{{ caller() }}>{% endmacro %}{% call box() %}x{% endcall %}".into(),
        "{% for team, people in state.room.people | groupby('team') %}{{ team }}: {{ people | length }}{% endfor %}".into(),
        "{% for row in state.room.people | batch(3) %}{{ row | map(attribute='name') | join(', ') }}{% endfor %}".into(),
        "{% for i in state.room.people %}{% set x = [i] + [i] %}{{ x | length }}{% endfor %}".into(),
        "{{ state.room.people | map(attribute='x', default=['none']) | list | length }}".into(),
        "{% set n = namespace(rest=[1, 2]) %}{% for i in range(3) %}{% set first = n.rest | first %}{{ first }}{% endfor %}".into(),
        "{% with p = state.room.people[0] %}{{ p.name }}{% endwith %}{% with p = [1] %}{% set q = p + p %}{{ q }}{% endwith %}".into(),
        "{% set a = state.room.people %}{% set b = a + a %}{{ b | length }}".into(),
        "{% set ns = namespace(a=1, b=1) %}{% for i in range(20) %}{% set ns.a, ns.b = ns.b, ns.a + ns.b %}{% endfor %}{{ ns.b }}".into(),
        "{% set x %}{{ text }}{% endset %}{% set x = x ~ x %}{{ x * 3 }}".into(),
        "{{ state.room.count * 2 }} {{ 1.19 * state.room.count }} {{ state.room.people * 2 }}".into(),
        "{{ (state.room.count | int) * 2 }} {{ (state.room.count | float) * 2.5 }} {{ '-' * 20 }}".into(),
        "{% for a in range(20) %}{% for b in range(20) %}{{ a * b + a }}{% endfor %}{% endfor %}".into(),
        "{% with a = state.room.people | first %}{{ a.name }}{{ a.votes }}{% endwith %}".into(),
        "{% set names = {'a': 'Anna', 'b': 'Bert'} %}{{ names['a'] }}{% for k, v in names | items %}{{ k }}{{ v }}{% endfor %}".into(),
        format!("{{% set x = [1] %}}{}{{{{ x | length }}}}", "{% set x = x + [2] %}".repeat(40)),
    ] {
        assert_eq!(refused(&template), None, "{template}");
        assert!(render(&template).is_ok(), "{template}: {:?}", render(&template));
    }
}

#[test]
fn the_place_is_that_of_what_is_put_in() {
    let source = "{% set n = namespace(x=[text]) %}\n{% for i in text %}\n{% set n.x = n.x + n.x %}{% endfor %}";
    assert_eq!(refused(source).as_deref(), Some("n.x + n.x"));
    assert_eq!(refused("{{ now }} {{ state.room.a * state.room.b }}").as_deref(), Some("state.room.a * state.room.b"));
}

/// Pieces of expressions over three names and a loop's item.
fn expression() -> impl Strategy<Value = String> {
    // Mostly what is likely to grow.
    let leaf = prop::sample::select(vec![
        "n.x",
        "n.x",
        "n.x",
        "n.x",
        "n.y",
        "n.y",
        "z",
        "z",
        "i",
        "b",
        "[1]",
        "[]",
        "1",
        "'a'",
        "range(9)",
        "state.room.people",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} + {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} | chain({b}))")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} | default({b}))")),
            inner.clone().prop_map(|a| format!("({a} | list)")),
            inner.clone().prop_map(|a| format!("{a}[0]")),
            inner.clone().prop_map(|a| format!("{a}[1:]")),
            inner.clone().prop_map(|a| format!("({a} | length)")),
            inner.prop_map(|a| format!("{{'a': {a}}}")),
        ]
    })
}

fn statement() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        3 => expression().prop_map(|e| format!("{{% set n.x = {e} %}}")),
        3 => expression().prop_map(|e| format!("{{% set n.y = {e} %}}")),
        2 => expression().prop_map(|e| format!("{{% set z = {e} %}}")),
        1 => expression().prop_map(|e| format!("{{% if {e} == n.x %}}{{{{ n.y }}}}{{% endif %}}")),
        1 => expression().prop_map(|e| format!("{{{{ {e} ~ '' }}}}")),
        1 => (expression(), expression()).prop_map(|(a, b)| format!("{{% set n.x, z = {a}, {b} %}}")),
        1 => (expression(), expression()).prop_map(|(a, b)| format!("{{{{ m({a}, {b}) }}}}")),
        1 => expression().prop_map(|e| format!("{{% call(i) m(b={e}) %}}{{% set n.y = i %}}{{% endcall %}}")),
    ];
    one.prop_recursive(2, 8, 3, |inner| {
        let block = prop::collection::vec(inner, 1..4).prop_map(|inner| inner.concat());
        prop_oneof![
            block.clone().prop_map(|inner| format!("{{% for i in range(60) %}}{inner}{{% endfor %}}")),
            (expression(), block.clone()).prop_map(|(e, inner)| format!("{{% for i in {e} %}}{inner}{{% endfor %}}")),
            (expression(), block.clone()).prop_map(|(e, inner)| format!("{{% with z = {e} %}}{inner}{{% endwith %}}")),
            (expression(), expression(), block.clone()).prop_map(|(a, b, inner)| {
                format!("{{% for z in {a} recursive %}}{inner}{{{{ loop({b}) }}}}{{% endfor %}}")
            }),
            block.prop_map(|inner| format!("{{% macro m(i, b=[]) %}}{inner}{{{{ caller(b) }}}}{{% endmacro %}}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whatever_is_accepted_ends_with_little_work(body in prop::collection::vec(statement(), 1..4)) {
        let source = format!("{{% set n = namespace(x=[text], y=[]) %}}{{% set z = [] %}}{}{{{{ n.x ~ n.y ~ z }}}}", body.concat());
        if refused(&source).is_none() {
            // What could not be bounded would not end, or need more memory than there is.
            let made = render(&source);
            prop_assert!(made.as_ref().map_or(0, String::len) <= crate::brain::engine::MAX_OUTPUT, "{source}");
        }
    }
}
