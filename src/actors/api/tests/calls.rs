//! What becomes of a call.

use super::*;

#[actix::test]
async fn a_call_is_answered_with_any_answer_and_tried_again_in_trouble() {
    pause();
    let wire = FakeWire::new(|request, count| {
        let answer = match (request.url.as_str(), count) {
            ("https://webexapis.test/v1/people/me", 0) => Ok(reply(502, "")),
            ("https://webexapis.test/v1/people/me", 1) => Err(lost(true)),
            ("https://webexapis.test/v1/people/me", _) => Ok(reply(200, r#"{"id":"P"}"#)),
            _ => Ok(reply(404, "")),
        };
        (MOMENT, answer)
    });
    let house = House::new(&wire);
    house.open("echo", 1).await;
    assert_eq!(house.call("echo", "/people/me", Duration::from_secs(30)).await.unwrap().status, 200);
    assert_eq!(house.wire.seen().len(), 3);
    assert_eq!(house.call("echo", "/rooms/R", Duration::from_secs(30)).await.unwrap().status, 404);
    assert_eq!(house.call("nobody", "/people/me", Duration::from_secs(30)).await.unwrap_err(), CallError::NoLane);
}

#[actix::test]
async fn a_panic_on_the_wire_keeps_no_permit() {
    pause();
    let first = std::sync::atomic::AtomicBool::new(true);
    let wire = FakeWire::new(move |_, _| {
        assert!(!first.swap(false, Ordering::SeqCst), "its first request");
        (MOMENT, Ok(reply(200, r#"{"id":"P"}"#)))
    });
    let house = House::with(&wire, BellFaults::default(), |settings| settings.connections = 1);
    house.open("echo", 1).await;
    assert_eq!(house.call("echo", "/people/me", Duration::from_secs(30)).await.unwrap().status, 200);
}

#[actix::test]
async fn a_call_ends_at_its_deadline_with_the_last_trouble() {
    pause();
    let house = House::new(&FakeWire::new(|_, _| (MOMENT, Ok(reply(503, r#"{"message":"overloaded"}"#)))));
    house.open("echo", 1).await;
    let begin = Instant::now();
    let error = house.call("echo", "/people/me", Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(error, CallError::Deadline("overloaded (503)".into()));
    assert!(begin.elapsed() <= Duration::from_secs(10));
    assert!(house.wire.seen().len() >= 3);
}

#[actix::test]
async fn a_call_is_told_at_once_that_webex_asks_for_more_time_than_it_has() {
    pause();
    let house = House::new(&FakeWire::new(|_, _| (MOMENT, Ok(wait(60)))));
    house.open("echo", 1).await;
    let begin = Instant::now();
    let error = house.call("echo", "/people/me", Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(error, CallError::Deadline("Webex asked to wait".into()));
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[actix::test]
async fn a_next_page_elsewhere_does_not_get_the_token() {
    pause();
    let house = House::new(&FakeWire::fine(MOMENT));
    house.open("echo", 1).await;
    for page in ["https://evil.test/v1/webhooks", "http://webexapis.test/v1/webhooks", "https://webexapis.test.evil/"] {
        let answer = house.call("echo", page, Duration::from_secs(5)).await;
        assert!(matches!(answer, Err(CallError::Elsewhere(_))), "{page}");
    }
    assert!(house.wire.seen().is_empty());
    let page = "https://webexapis.test/v1/webhooks?max=2&before&after=";
    house.call("echo", page, Duration::from_secs(5)).await.unwrap();
    assert_eq!(house.wire.seen()[0].request.url, page);
}
