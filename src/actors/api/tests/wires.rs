//! Where the requests are carried.

use super::*;

#[actix::test]
async fn wires_on_threads_of_their_own_carry_the_same() {
    let wire = FakeWire::fine(Duration::from_millis(1));
    let house = House::with(&wire, BellFaults::default(), |settings| settings.wires = WireMode::Threads(2));
    let names: Vec<_> = (0..8).map(|number| format!("bot{number}")).collect();
    for name in &names {
        house.open(name, 1).await;
        house.promise(name, &["a", "b", "b"]);
    }
    until("all are sent", || house.store.sent() == 24).await;
    let threads: std::collections::HashSet<_> = wire.seen().iter().map(|seen| seen.thread).collect();
    assert_eq!(threads.len(), 2, "lanes are spread");
    assert!(!threads.contains(&std::thread::current().id()));
}

#[actix::test]
async fn a_wire_that_cannot_be_made_answers_with_the_reason() {
    for wires in [WireMode::Here, WireMode::Threads(1)] {
        let make: MakeWire = Arc::new(|| Err(WireError::passing("no such file", false)));
        let wires = Wires::start(wires, &make, 4);
        let request = Request { method: "GET", path: "/people/me".into(), body: None };
        let request = request.to_http("https://webexapis.test/v1", &Secret::new("t"), MOMENT, MAX_ANSWER).unwrap();
        assert_eq!(wires.send(7, request).await.unwrap_err().message, "no such file");
    }
}
