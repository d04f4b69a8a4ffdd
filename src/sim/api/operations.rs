//! Three lists that say the same: the operations of Cisco's document, the table of the simulator's page, the routes.
//!
//! The document's operations are facts in a file of their own, so that this needs no network and says which state of
//! the document it was read from.

use serde::Deserialize;

use super::ROUTES;

const OPERATIONS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/webex-messaging-operations.json"));
const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/simulator.md"));

/// What the table says of an operation that the document does not have.
const BEYOND: &str = "beyond the document";
/// What a route of the table may be marked with; each is explained above the table.
const MARKS: [&str; 4] = ["verified", "third-party", "believed", "disputed"];

/// One operation of the document.
#[derive(Debug, Deserialize)]
struct Operation {
    method: String,
    path: String,
    id: String,
    success: Vec<u16>,
}

#[derive(Debug, Deserialize)]
struct Document {
    operations: Vec<Operation>,
}

fn operations() -> Vec<Operation> {
    serde_json::from_str::<Document>(OPERATIONS).unwrap().operations
}

/// `GET /people/{personId}` as `("GET", "people/{}")`: what a parameter is called is of no matter.
fn key(method: &str, path: &str) -> (String, String) {
    let parts = path.trim_start_matches('/').split('/');
    let path: Vec<&str> = parts.map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
    (method.to_owned(), path.join("/"))
}

/// One row of the page's table.
#[derive(Debug)]
struct Row {
    call: (String, String),
    at_webex: String,
    simulated: bool,
    marks: String,
    line: String,
}

/// The rows between the heading of the table and the next heading.
fn rows() -> Vec<Row> {
    let (_, rest) = PAGE.split_once("\n## Every operation\n").expect("the page has its table");
    let part = rest.split("\n## ").next().unwrap_or_default();
    let cells = part.lines().filter(|line| line.starts_with("| `"));
    cells
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [call, at_webex, simulated, _remarks, _source, marks] = cells[..] else {
                panic!("six columns, please: {line}")
            };
            let (method, path) = call.trim_matches('`').split_once(' ').unwrap();
            let simulated = match simulated {
                "yes" => true,
                "no" => false,
                other => panic!("`{other}` is neither yes nor no: {line}"),
            };
            let [at_webex, marks, line] = [at_webex, marks, line].map(str::to_owned);
            Row { call: key(method, path), at_webex, simulated, marks, line }
        })
        .collect()
}

/// Fails when an operation is granted with another status than the document gives.
pub(super) fn check_status(method: &str, path: &str, status: u16) {
    let operation = operations().into_iter().find(|one| key(&one.method, &one.path) == key(method, path));
    // The one place where the document and every client disagree: a switch.
    let disputed = (method, path, status) == ("POST", "attachment/actions", 200);
    if let Some(operation) = operation {
        assert!(disputed || operation.success.contains(&status), "{method} /{path} is granted with {status}");
    }
}

#[test]
fn every_operation_of_the_document_has_its_row() {
    let rows = rows();
    for operation in operations() {
        let found = rows.iter().find(|row| row.call == key(&operation.method, &operation.path));
        let row = found.unwrap_or_else(|| panic!("no row for {} {}", operation.method, operation.path));
        assert_eq!(row.at_webex, operation.id, "{}", row.line);
    }
    assert_eq!(operations().len(), 52);
}

#[test]
fn every_row_is_of_the_document_or_says_that_it_is_not() {
    let known: Vec<_> = operations().iter().map(|one| key(&one.method, &one.path)).collect();
    let mut seen = Vec::new();
    for row in rows() {
        assert_eq!(known.contains(&row.call), row.at_webex != BEYOND, "{}", row.line);
        assert!(!seen.contains(&row.call), "twice: {}", row.line);
        seen.push(row.call);
    }
}

#[test]
fn what_the_table_calls_simulated_has_a_route_and_the_other_way_round() {
    let routes: Vec<_> = ROUTES.iter().map(|route| key(route.method, route.path)).collect();
    let rows = rows();
    for row in &rows {
        assert_eq!(row.simulated, routes.contains(&row.call), "{}", row.line);
    }
    for route in routes {
        assert!(rows.iter().any(|row| row.call == route), "no row for {route:?}");
    }
}

#[test]
fn every_simulated_row_is_marked_with_what_the_page_explains() {
    for row in rows() {
        let marks: Vec<&str> = row.marks.split(", ").filter(|mark| *mark != "-").collect();
        assert_eq!(row.simulated, !marks.is_empty(), "{}", row.line);
        assert!(marks.iter().all(|mark| MARKS.contains(mark)), "{}", row.line);
    }
    for mark in MARKS {
        assert!(PAGE.contains(&format!("\n| {mark} | ")), "the page does not explain `{mark}`");
    }
}
