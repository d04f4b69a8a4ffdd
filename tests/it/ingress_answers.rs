//! What the ingress answers to what, and what is stored of it.

use std::sync::atomic::Ordering;

use botyard::{
    base::{BotId, Event, Secret},
    http::{Refusal, ServerMode},
    store::{RouteRow, StoreError},
    webex::{
        Kinds,
        signature::{Algorithm, sign},
    },
};

use crate::support::{
    raw_http::send,
    webhook_door::{ME, SECRET, message, open, open_as, signed, webhook},
};

#[actix_web::test]
async fn a_signed_message_is_stored_and_then_answered_200_in_either_mode() {
    for mode in [ServerMode::Here, ServerMode::Workers(2)] {
        let door = open(mode).await;
        let answer = door.deliver(&message("M1", "ann")).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{mode:?}");
        let stored = door.store.stored();
        assert_eq!(stored.len(), 1);
        assert_eq!((stored[0].bot.as_str(), stored[0].kind), ("echo", "messages.created"));
        assert_eq!(stored[0].dedupe_key, "messages.created:M1");
        let event = Event::decode(&stored[0].payload).unwrap();
        assert_eq!((event.room(), event.person()), ("ROOM", Some("ann")));
        assert_eq!(stored[0].order_key, event.order_key());
        assert_eq!(door.metrics.ingress.stored.get(), 1);
        door.running.stop(true).await;
    }
}

#[actix_web::test]
async fn it_is_answered_only_after_the_commit() {
    let door = open(ServerMode::Here).await;
    door.store.hold_commits(true);
    let body = message("M1", "ann");
    let mut answer = std::pin::pin!(door.deliver(&body));
    let at_the_store = async {
        while door.store.waiting.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // Whoever would answer too early had all these chances to.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        answer = &mut answer => panic!("answered before the commit: {answer:?}"),
        () = at_the_store => {}
    }
    assert!(door.store.stored().is_empty());
    door.store.hold_commits(false);
    assert_eq!(answer.await.status, 200);
    assert_eq!(door.store.stored().len(), 1);
}

#[actix_web::test]
async fn the_same_delivery_again_is_200_and_stored_once() {
    let door = open(ServerMode::Here).await;
    for _ in 0..3 {
        assert_eq!(door.deliver(&message("M1", "ann")).await.status, 200);
    }
    assert_eq!(door.store.stored().len(), 1);
    assert_eq!((door.metrics.ingress.stored.get(), door.metrics.ingress.duplicate.get()), (1, 2));
}

#[actix_web::test]
async fn own_echoes_and_unwanted_kinds_are_200_and_not_stored() {
    let door = open(ServerMode::Here).await;
    assert_eq!(door.deliver(&message("M1", ME)).await.status, 200);
    assert_eq!(door.metrics.ingress.own.get(), 1);
    let room = webhook("rooms", "updated", r#"{"id":"ROOM"}"#);
    let unheard_of = webhook("meetings", "started", r#"{"id":"X"}"#);
    for body in [room, unheard_of] {
        assert_eq!(door.deliver(&body).await.status, 200);
    }
    assert_eq!(door.metrics.ingress.unwanted.get(), 2);
    assert!(door.store.stored().is_empty());
    let added = webhook("memberships", "created", &format!(r#"{{"id":"S","roomId":"ROOM","personId":"{ME}"}}"#));
    assert_eq!(door.deliver(&added).await.status, 200);
    assert_eq!(door.store.stored()[0].kind, "memberships.created", "being added is news, not an echo");
}

#[actix_web::test]
async fn a_deletion_is_obeyed_before_the_200_and_is_an_event_only_where_a_rule_wants_it() {
    let door = open(ServerMode::Here).await;
    let deletion = |id: &str| {
        webhook(
            "messages",
            "deleted",
            &format!(r#"{{"id":"{id}","roomId":"ROOM","roomType":"direct","personId":"ann"}}"#),
        )
    };
    door.store.answer_with(Some(StoreError::DiskFull));
    assert_eq!(door.deliver(&deletion("M1")).await.status, 503, "Webex has to say it again");
    door.store.answer_with(None);
    assert_eq!(door.deliver(&deletion("M1")).await.status, 200);
    assert_eq!(door.deliver(&message("M1", "ann")).await.status, 200);
    assert!(door.store.stored().is_empty(), "it came too late");
    let told = door.store.deleted();
    assert_eq!((told.len(), told[0].key.as_str(), told[0].handled), (1, "messages.created:M1", false));
    assert_eq!((door.metrics.ingress.deleted.get(), door.metrics.ingress.unwanted.get()), (1, 0));

    let bot = BotId::parse("echo").unwrap();
    let kinds = Kinds::default().with("messages.created").with("messages.deleted");
    let secrets = vec![Secret::new(SECRET)];
    door.routes.publish(vec![RouteRow { bot, secrets, me: None, kinds: kinds.0 }]);
    assert_eq!(door.deliver(&deletion("M2")).await.status, 200);
    assert!(door.store.deleted()[1].handled);
    assert_eq!(door.store.stored()[0].kind, "messages.deleted");
}

#[actix_web::test]
async fn what_is_not_signed_or_signed_by_another_is_401_and_not_stored() {
    let door = open(ServerMode::Here).await;
    let body = message("M1", "ann");
    let unsigned = door.post(&[], &body).await;
    assert_eq!((unsigned.status, unsigned.code().as_str()), (401, "missing_signature"));
    let forged = sign(Algorithm::Sha1, &Secret::new("guess"), body.as_bytes());
    let of_another_body = signed(Algorithm::Sha1, &message("M2", "ann"));
    let wrong = ["", "zz", &forged, &of_another_body, "\u{ff}"];
    for signature in wrong {
        let answer = door.post(&[("X-Spark-Signature", signature)], &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "bad_signature"), "{signature:?}");
        assert!(!answer.body.contains(SECRET));
    }
    assert_eq!(door.refused("missing_signature"), 1);
    assert_eq!(door.refused("bad_signature"), wrong.len() as u64);
    assert!(door.store.stored().is_empty());
}

#[actix_web::test]
async fn a_good_weak_signature_does_not_rescue_a_bad_strong_one() {
    let door = open(ServerMode::Here).await;
    let body = message("M1", "ann");
    let good = signed(Algorithm::Sha1, &body);
    let strong = format!("SHA-256={}", signed(Algorithm::Sha256, &body));
    let bad = format!("SHA-512={}", "00".repeat(64));
    let both = format!("{strong}, {bad}");
    for webex in [bad.as_str(), both.as_str(), "SHA-256=zz", "\u{ff}"] {
        let answer = door.post(&[("X-Spark-Signature", &good), ("X-Webex-Signature", webex)], &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "bad_signature"), "{webex}");
    }
    let twice = [("X-Spark-Signature", good.as_str()), ("X-Webex-Signature", &strong), ("X-Webex-Signature", &bad)];
    assert_eq!(door.post(&twice, &body).await.status, 401);
    assert!(door.store.stored().is_empty());
    let fine = [("X-Spark-Signature", "00"), ("X-Webex-Signature", strong.as_str())];
    assert_eq!(door.post(&fine, &body).await.status, 200, "nor does a bad weak one spoil a good strong one");
}

#[actix_web::test]
async fn during_a_rotation_either_secret_counts_and_afterwards_only_the_new_one() {
    let door = open(ServerMode::Here).await;
    let bot = BotId::parse("echo").unwrap();
    let new = Secret::new("the-new-secret");
    let body = message("M1", "ann");
    let by_new = sign(Algorithm::Sha1, &new, body.as_bytes());
    let headers = [("X-Spark-Signature", by_new.as_str())];
    assert_eq!(door.post(&headers, &body).await.status, 401);
    door.routes.change(&bot, |route| route.secrets.push(new.clone()));
    assert_eq!(door.post(&headers, &body).await.status, 200);
    assert_eq!(door.deliver(&body).await.status, 200);
    door.routes.change(&bot, |route| route.secrets = vec![new]);
    assert_eq!(door.deliver(&body).await.status, 401);
    door.routes.change(&bot, |route| route.secrets.clear());
    assert_eq!(door.post(&headers, &body).await.status, 401, "a bot without a secret believes nobody");
}

#[actix_web::test]
async fn every_bot_the_store_knows_is_served_and_a_store_that_fails_takes_none_away() {
    let door = open(ServerMode::Here).await;
    let bot = BotId::parse("hello").unwrap();
    let secrets = vec![Secret::new(SECRET)];
    door.store.know(vec![RouteRow { bot, secrets, me: None, kinds: 1 }]);
    door.routes.refresh(&*door.store).await.unwrap();
    let body = message("M1", "ann");
    let signature = signed(Algorithm::Sha1, &body);
    let headers = [("Content-Type", "application/json"), ("X-Spark-Signature", signature.as_str())];
    assert_eq!(send(door.addr(), "POST", "/hooks/hello", &headers, &body).await.status, 200);
    assert_eq!(door.deliver(&body).await.code(), "unknown_bot", "the store does not know `echo`");
    door.store.answer_with(Some(StoreError::Engine("gone".into())));
    assert!(door.routes.refresh(&*door.store).await.is_err());
    door.store.answer_with(None);
    assert_eq!(send(door.addr(), "POST", "/hooks/hello", &headers, &body).await.status, 200);
}

#[actix_web::test]
async fn every_code_is_counted_from_zero() {
    let door = open(ServerMode::Here).await;
    let text = door.metrics.render();
    for refusal in &Refusal::INGRESS {
        let line = format!("botyard_ingress_refused_total{{code=\"{}\"}} 0", refusal.code());
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
}

#[actix_web::test]
async fn bad_json_with_a_good_signature_is_400() {
    let door = open(ServerMode::Here).await;
    let bodies = ["", "{", "[]", "null", r#"{"resource":"messages","event":"created"}"#];
    for body in bodies {
        let answer = door.deliver(body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_envelope"), "{body}");
    }
    assert_eq!(door.refused("bad_envelope"), bodies.len() as u64);
}

#[actix_web::test]
async fn other_paths_and_methods_are_refused_in_the_same_shape() {
    let door = open(ServerMode::Here).await;
    for path in ["/hooks/nobody", "/hooks/..%2f..", "/hooks/ECHO"] {
        let answer = send(door.addr(), "POST", path, &[], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "unknown_bot"), "{path}");
    }
    for path in
        ["/hooks", "/hooks/", "/hooks/echo/x", "/in", "/in/echo", "/in/echo/alert/x", "/livez", "/metrics", "/v1/bots"]
    {
        let answer = send(door.addr(), "POST", path, &[], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{path}");
    }
    for method in ["GET", "PUT", "DELETE"] {
        let answer = send(door.addr(), method, "/hooks/echo", &[], "").await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "method_not_allowed"), "{method}");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    for (method, status) in [("GET", 200), ("HEAD", 200), ("POST", 405)] {
        assert_eq!(send(door.addr(), method, "/", &[], "").await.status, status, "{method}");
    }
}

#[actix_web::test]
async fn below_a_base_path_nothing_answers_above_it() {
    let door = open_as(ServerMode::Here, "/bots", 64).await;
    assert_eq!(door.deliver(&message("M1", "ann")).await.status, 200);
    assert_eq!(send(door.addr(), "POST", "/hooks/echo", &[], "").await.status, 404);
}

#[actix_web::test]
async fn what_the_store_cannot_take_is_503_and_says_when_to_come_back() {
    let door = open(ServerMode::Here).await;
    let bot = BotId::parse("echo").unwrap();
    for (trouble, code) in [
        (StoreError::DiskFull, "disk_full"),
        (StoreError::BotFull(bot), "bot_full"),
        (StoreError::Overloaded, "overloaded"),
        (StoreError::Closed, "closing"),
        (StoreError::Engine("table `inbox` is on fire".into()), "store_failed"),
    ] {
        door.store.answer_with(Some(trouble));
        let answer = door.deliver(&message("M1", "ann")).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, code));
        assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
        assert!(!answer.body.contains("fire"), "what the engine says is for the log: {answer:?}");
        assert_eq!(door.refused(code), 1);
    }
    door.store.answer_with(None);
    assert_eq!(door.deliver(&message("M1", "ann")).await.status, 200, "it was not taken for a duplicate");
}
