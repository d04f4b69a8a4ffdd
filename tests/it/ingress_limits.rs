//! What one client may cost: body, time, connections; and how the door opens and closes.

use std::{
    net::SocketAddr,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use botyard::http::{Pace, ServerMode, server::bind};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::LocalSet,
};

use crate::support::{
    raw_http::{read, send},
    webhook_door::{MAX_BODY, message, open, open_as, open_at_pace, signed},
};
use botyard::webex::signature::Algorithm;

#[actix_web::test]
async fn a_body_over_the_limit_is_413_announced_or_not() {
    let door = open(ServerMode::Here).await;
    let body = format!("{}{}", message("M1", "ann"), " ".repeat(MAX_BODY));
    let signature = signed(Algorithm::Sha1, &body);
    let announced = door.post(&[("X-Spark-Signature", &signature)], &body).await;
    assert_eq!((announced.status, announced.code().as_str()), (413, "body_too_large"));
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let headers = [("X-Spark-Signature", signature.as_str()), ("Transfer-Encoding", "chunked")];
    let unannounced = door.post(&headers, chunked).await;
    assert_eq!((unannounced.status, unannounced.code().as_str()), (413, "body_too_large"));
    assert_eq!(door.refused("body_too_large"), 2);
    assert!(door.store.stored().is_empty());
    let body = message("M1", "ann");
    let body = format!("{body}{}", " ".repeat(MAX_BODY - body.len()));
    assert_eq!(door.deliver(&body).await.status, 200, "the limit itself is allowed");
}

#[actix_web::test]
async fn another_content_type_is_415() {
    let door = open(ServerMode::Here).await;
    let body = message("M1", "ann");
    let signature = signed(Algorithm::Sha1, &body);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let headers = [("Content-Type", kind), ("X-Spark-Signature", &signature)];
        let answer = send(door.addr(), "POST", &door.path, &headers, &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "not_json"), "{kind}");
    }
    let none = send(door.addr(), "POST", &door.path, &[("X-Spark-Signature", &signature)], &body).await;
    assert_eq!(none.status, 415);
    assert_eq!(door.refused("not_json"), 5);
}

#[actix_web::test]
async fn slow_headers_end_the_connection() {
    let door = open(ServerMode::Here).await;
    let mut stream = TcpStream::connect(door.addr()).await.unwrap();
    let began = Instant::now();
    stream.write_all(b"POST /hooks/echo HTTP/1.1\r\nHost: he").await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(500), "closed at once, not for slowness");
    assert!(String::from_utf8(bytes).unwrap().starts_with("HTTP/1.1 408"));
}

#[actix_web::test]
async fn a_slow_body_is_408() {
    let door = open(ServerMode::Here).await;
    let mut stream = TcpStream::connect(door.addr()).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nX-Spark-Signature: 00\r\nContent-Length: 50\r\n\r\n{{",
        door.path
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read(stream).await;
    assert_eq!((answer.status, answer.code().as_str()), (408, "slow_body"));
    assert_eq!(door.refused("slow_body"), 1);
}

#[tokio::test(start_paused = true)]
async fn slow_headers_of_a_later_request_end_the_connection_too() {
    let scene = async {
        // A blocking task that waits keeps the paused clock from jumping over the sockets.
        let (resume, paused) = std::sync::mpsc::channel::<()>();
        let held = tokio::task::spawn_blocking(move || paused.recv().is_err());
        let door = open(ServerMode::Here).await;
        let mut stream = TcpStream::connect(door.addr()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        stream.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        drop(resume);
        assert!(held.await.unwrap());
        let mut bytes = Vec::new();
        // The server may cut the connection rather than end it.
        let closed = tokio::time::timeout(Duration::from_mins(2), stream.read_to_end(&mut bytes)).await;
        assert!(closed.is_ok(), "still open: {bytes:?}");
    };
    LocalSet::new().run_until(scene).await;
}

#[actix_web::test]
async fn a_connection_beyond_the_limit_waits_for_a_place() {
    let door = open_as(ServerMode::Here, "", 2).await;
    door.store.hold_commits(true);
    let bodies = ["M1", "M2", "M3"].map(|id| message(id, "ann"));
    let at_the_store = async {
        while door.store.waiting.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        // The third had all these chances to come in.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(door.store.waiting.load(Ordering::SeqCst), 2);
        door.store.hold_commits(false);
    };
    let [first, second, third] = &bodies;
    let all = tokio::join!(door.deliver(first), door.deliver(second), door.deliver(third), at_the_store);
    assert_eq!([all.0.status, all.1.status, all.2.status], [200; 3]);
}

#[actix_web::test]
async fn a_bot_that_gets_too_many_events_a_second_is_refused() {
    let door = open_at_pace(ServerMode::Here, "", 64, Pace::new(1)).await;
    let mut stored = 0;
    let refused = loop {
        let answer = door.deliver(&message(&format!("M{stored}"), "ann")).await;
        if answer.status != 200 {
            break answer;
        }
        stored += 1;
        assert!(stored < 1000, "nothing is refused");
    };
    assert_eq!((refused.status, refused.code().as_str()), (503, "too_fast"));
    assert_eq!(door.refused("too_fast"), 1);
    assert!(stored >= 64, "only {stored} came through at once");
    assert_eq!(door.store.stored().len(), stored, "what was refused is not stored");
}

#[actix_web::test]
async fn a_taken_port_is_an_error_that_names_address_and_setting() {
    let door = open(ServerMode::Here).await;
    let error = bind(door.addr(), "listen").unwrap_err().to_string();
    let addr = door.addr().to_string();
    assert!(error.contains(&addr) && error.contains("`listen`") && error.contains("BOTYARD_LISTEN"), "{error}");
    let error = bind(door.addr(), "admin.listen").unwrap_err().to_string();
    assert!(error.contains("`admin.listen`") && error.contains("BOTYARD_ADMIN__LISTEN"), "{error}");
    let elsewhere = bind(SocketAddr::from(([192, 0, 2, 1], 8080)), "listen").unwrap_err().to_string();
    assert!(elsewhere.contains("does not have that address"), "{elsewhere}");
}

#[actix_web::test]
async fn a_graceful_stop_answers_what_is_in_hand_and_ends_idle_connections() {
    for mode in [ServerMode::Here, ServerMode::Workers(1)] {
        let door = open(mode).await;
        let addr = door.addr();
        let mut idle = TcpStream::connect(addr).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
        idle.read_u8().await.unwrap();

        door.store.hold_commits(true);
        let body = message("M1", "ann");
        let (path, store) = (door.path.clone(), door.store.clone());
        let signature = signed(Algorithm::Sha1, &body);
        let headers = [("Content-Type", "application/json"), ("X-Spark-Signature", signature.as_str())];
        let in_hand = send(addr, "POST", &path, &headers, &body);
        let stopping = async {
            while store.waiting.load(Ordering::SeqCst) == 0 {
                tokio::task::yield_now().await;
            }
            let stop = door.running.stop(true);
            let free = async { store.hold_commits(false) };
            tokio::join!(stop, free);
        };
        let (answer, ()) = tokio::join!(in_hand, stopping);
        assert_eq!(answer.status, 200, "{mode:?}");
        assert_eq!(store.stored().len(), 1);
        let mut rest = Vec::new();
        idle.read_to_end(&mut rest).await.unwrap();
        assert!(TcpStream::connect(addr).await.is_err(), "{mode:?}: the door is closed");
    }
}

#[actix_web::test]
async fn an_immediate_stop_ends_what_is_in_hand() {
    let door = open(ServerMode::Here).await;
    door.store.hold_commits(true);
    let addr = door.addr();
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let body = message("M1", "ann");
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nX-Spark-Signature: {}\r\nContent-Length: {}\r\n\r\n{body}",
        door.path,
        signed(Algorithm::Sha1, &body),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    while door.store.waiting.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let store = door.store.clone();
    door.running.stop(false).await;
    let mut bytes = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await;
    assert!(ended.is_ok(), "the connection is still open");
    assert!(bytes.is_empty() && store.stored().is_empty(), "nothing was promised");
    assert!(TcpStream::connect(addr).await.is_err());
}
