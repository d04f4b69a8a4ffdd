//! Where the requests are carried.

use futures_util::future::LocalBoxFuture;

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
        assert_eq!(wires.send(7, me()).await.unwrap_err().message, "no such file");
    }
}

/// Panics on its first request.
struct Panicking(std::cell::Cell<bool>);

impl Wire for Panicking {
    fn send(&self, _: crate::net::HttpRequest) -> LocalBoxFuture<'static, Result<Reply, WireError>> {
        assert!(self.0.replace(true), "its first request");
        Box::pin(std::future::ready(Ok(reply(200, ""))))
    }
}

#[actix::test]
async fn a_panic_costs_one_request_its_answer_and_no_other() {
    for wires in [WireMode::Here, WireMode::Threads(1)] {
        let make: MakeWire = Arc::new(|| Ok(Rc::new(Panicking(false.into()))));
        let wires = Wires::start(wires, &make, 4);
        let lost = wires.send(0, me()).await.unwrap_err();
        assert!(lost.may_have_arrived && lost.message.contains("panicked"), "{lost}");
        assert_eq!(wires.send(0, me()).await.unwrap().status, 200);
    }
}

fn me() -> crate::net::HttpRequest {
    let request = Request { method: "GET", path: "/people/me".into(), body: None };
    request.to_http("https://webexapis.test/v1", &Secret::new("t"), MOMENT, MAX_ANSWER).unwrap()
}
