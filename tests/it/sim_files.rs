//! Files of messages as they are on the wire: uploads, files by URL, contents and what the scan says of them.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::sim_support::{Sim, Target, on_arbiter, options};
use botyard::sim::{Retention, SimOptions};

/// An answer byte for byte.
struct Raw {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Raw {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }
}

/// One request on a connection of its own, which the peer closes after its answer.
async fn exchange(addr: SocketAddr, token: &str, line: &str, headers: &str, body: &[u8]) -> Raw {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let length = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nHost: {addr}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Raw { status, head, body: answer[end + 4..].to_vec() }
}

/// A link of the simulator, asked as a client does.
async fn follow(sim: &Sim, token: &str, method: &str, link: &str) -> Raw {
    let addr = sim.handle.addr();
    let path = link.strip_prefix(&format!("http://{addr}")).unwrap();
    exchange(addr, token, &format!("{method} {path}"), "", b"").await
}

/// Sends bob a file, as a client's library writes it.
async fn upload(sim: &Sim, token: &str, name: &str, content: &[u8]) -> Raw {
    let part = |head: &str| format!("--XX\r\nContent-Disposition: form-data; {head}\r\n\r\n");
    let mut body = format!("{}bob@example.com\r\n", part("name=\"toPersonEmail\"")).into_bytes();
    body.extend_from_slice(
        part(&format!("name=\"files\"; filename=\"{name}\"\r\nContent-Type: text/plain")).as_bytes(),
    );
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n{}see\r\n--XX--\r\n", part("name=\"text\"")).as_bytes());
    let kind = "Content-Type: multipart/form-data; boundary=XX\r\n";
    exchange(sim.handle.addr(), token, "POST /v1/messages", kind, &body).await
}

fn link_of(message: &Value) -> String {
    message["files"][0].as_str().unwrap_or_else(|| panic!("no file in {message}")).to_owned()
}

#[test]
fn an_uploaded_file_is_told_by_webhook_and_read_by_who_reads_the_message() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let target = Target::start().await;
        let hook = json!({"name": "n", "targetUrl": target.url, "resource": "messages", "event": "created",
            "filter": "hasFiles=true"});
        sim.v1("sim-bob", "POST", "/webhooks", hook).await.ok();
        let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let sent = upload(&sim, "sim-alice", "Größe.bin", &content).await;
        assert_eq!((sent.status, &sent.json()["text"]), (200, &"see".into()));
        let link = link_of(&sent.json());
        assert_eq!(link_of(&target.hooks(1).await[0].json()["data"]), link);

        let file = follow(&sim, "sim-bob", "GET", &link).await;
        assert_eq!((file.status, file.body == content), (200, true));
        assert_eq!(file.header("content-type"), Some("text/plain"));
        assert_eq!(file.header("content-length"), Some("300000"));
        assert_eq!(file.header("cache-control"), Some("no-cache"));
        let disposition = "attachment; filename=\"Gr__e.bin\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.bin";
        assert_eq!(file.header("content-disposition"), Some(disposition));
        let head = follow(&sim, "sim-bob", "HEAD", &link).await;
        assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some("300000")));
        assert_eq!(head.header("content-disposition"), Some(disposition));

        assert_eq!(follow(&sim, "sim-carol", "GET", &link).await.status, 404);
        assert_eq!(follow(&sim, "nobody", "GET", &link).await.status, 401);
        let path = format!("/messages/{}", sent.json()["id"].as_str().unwrap());
        sim.v1("sim-alice", "DELETE", &path, Value::Null).await.ok();
        assert_eq!(follow(&sim, "sim-bob", "GET", &link).await.status, 404);
        sim.handle.stop().await;
    });
}

#[test]
fn what_the_scan_says_decides_the_answer() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let link = link_of(&upload(&sim, "sim-alice", "a.txt", b"x").await.json());
        let id = link.rsplit('/').next().unwrap();
        let path = format!("/files/{id}");
        let scan = |body| sim.control("PUT", &path, body);
        scan(json!({"scan": "scanning", "for_ms": 3_600_000})).await.ok();
        let locked = follow(&sim, "sim-bob", "GET", &link).await;
        assert_eq!((locked.status, locked.header("retry-after")), (423, Some("3600")));
        assert!(locked.json()["errors"][0]["description"].is_string());
        let locked = follow(&sim, "sim-bob", "HEAD", &link).await;
        assert_eq!((locked.status, locked.header("retry-after"), locked.body.len()), (423, Some("3600"), 0));
        scan(json!({"scan": "infected"})).await.ok();
        assert_eq!(follow(&sim, "sim-bob", "GET", &link).await.status, 410);
        scan(json!({"scan": "unscannable"})).await.ok();
        assert_eq!(follow(&sim, "sim-bob", "GET", &link).await.status, 428);
        assert_eq!(follow(&sim, "sim-bob", "GET", &format!("{link}?allow=unscannable")).await.body, b"x");
        let clean = scan(json!({"scan": "clean"})).await.ok();
        assert_eq!(clean, json!({"id": id, "name": "a.txt", "type": "text/plain", "bytes": 1, "scan": "clean"}));
        assert_eq!(follow(&sim, "sim-bob", "GET", &link).await.status, 200);

        sim.control("PUT", "/files", json!({"scan": "infected"})).await.ok();
        let states = [upload(&sim, "sim-alice", "b", b"x").await, upload(&sim, "sim-alice", "c", b"x").await];
        for (sent, status) in states.iter().zip([410, 200]) {
            assert_eq!(follow(&sim, "sim-bob", "GET", &link_of(&sent.json())).await.status, status);
        }
        // As a fault: the file of one person alone, and for the other the usual.
        let fault = json!({"path": "/messages", "email": "carol@example.com", "scan": "scanning", "scan_ms": 60_000});
        sim.control("POST", "/rules", fault).await.ok();
        for (token, status) in [("sim-alice", 200), ("sim-carol", 423), ("sim-carol", 200)] {
            let sent = upload(&sim, token, "d", b"x").await;
            assert_eq!(follow(&sim, token, "GET", &link_of(&sent.json())).await.status, status, "{token}");
        }
        assert_eq!(sim.control("PUT", "/files", json!({"scan": "odd"})).await.status, 400);
        assert_eq!(sim.control("PUT", "/files/x", json!({"scan": "clean"})).await.status, 400);
        sim.handle.stop().await;
    });
}

/// Takes one request and lets the test say when and what is answered.
async fn answer_one(listener: &TcpListener, answer: impl Future<Output = String>) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0, "the client is gone");
    }
    stream.write_all(answer.await.as_bytes()).await.unwrap();
    String::from_utf8(read).unwrap()
}

#[test]
fn a_file_by_url_is_fetched_without_a_token_while_others_are_answered() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/reports/a%20b.pdf?v=1#page", listener.local_addr().unwrap());
        let new = json!({"toPersonEmail": "bob@example.com", "files": [url], "markdown": "**see**"});
        let posting = sim.v1("sim-alice", "POST", "/messages", new);
        let serving = answer_one(&listener, async {
            let me = sim.v1("sim-bob", "GET", "/people/me", Value::Null).await;
            assert_eq!(me.status, 200);
            assert_eq!(sim.control("GET", "", Value::Null).await.ok()["messages"], 0);
            "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\nContent-Length: 3\r\n\r\npdf".to_owned()
        });
        let (sent, asked) = tokio::join!(posting, serving);
        assert!(asked.starts_with("GET /reports/a%20b.pdf?v=1 HTTP/1.1\r\n"), "{asked}");
        assert!(!asked.to_lowercase().contains("authorization"), "{asked}");
        let file = follow(&sim, "sim-bob", "GET", &link_of(&sent.ok())).await;
        assert_eq!((file.body.as_slice(), file.header("content-type")), (b"pdf".as_slice(), Some("application/pdf")));
        assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"a b.pdf\""));
        sim.handle.stop().await;
    });
}

#[test]
fn a_url_of_the_simulator_itself_can_be_fetched_also_by_a_redirect() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = sim.handle.control_url();
        let post = |url: String| {
            sim.v1("sim-alice", "POST", "/messages", json!({"toPersonEmail": "bob@example.com", "files": [url]}))
        };
        let link = link_of(&post(own.clone()).await.ok());
        assert_eq!(follow(&sim, "sim-bob", "GET", &link).await.json()["people"], 4);
        let elsewhere = post(format!("http://{}/", listener.local_addr().unwrap()));
        let moved = format!("HTTP/1.1 302 Found\r\nLocation: {own}\r\nContent-Length: 0\r\n\r\n");
        let (sent, _) = tokio::join!(elsewhere, answer_one(&listener, async { moved }));
        assert_eq!(follow(&sim, "sim-bob", "GET", &link_of(&sent.ok())).await.status, 200);
        sim.handle.stop().await;
    });
}

#[test]
fn a_url_that_gives_nothing_makes_no_message_and_says_why() {
    on_arbiter(async {
        let sim = Sim::start_with(SimOptions { upload_bytes: 100, ..options() }).await;
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            format!("http://{}/", listener.local_addr().unwrap())
        };
        let missing = format!("http://{}/nothing", sim.handle.addr());
        let large = format!("http://{}/sim", sim.handle.addr());
        for (url, why) in [
            (closed, ""),
            (missing, "the answer was 404"),
            (large, "larger than 100 bytes"),
            ("ftp://h/".into(), "http"),
        ] {
            let new = json!({"toPersonEmail": "bob@example.com", "text": "see", "files": [url]});
            let answer = sim.v1("sim-alice", "POST", "/messages", new).await;
            let message = answer.text("message");
            assert!(answer.status == 400 && message.starts_with("Unable to retrieve content"), "{message}");
            assert!(message.contains(why), "{message}");
        }
        assert_eq!(sim.control("GET", "", Value::Null).await.ok()["messages"], 0);
        let journal = sim.control("GET", "/journal?kind=request", Value::Null).await.ok();
        assert_eq!(journal["entries"].as_array().unwrap().iter().filter(|entry| entry["status"] == 400).count(), 4);
        sim.handle.stop().await;
    });
}

#[test]
fn a_file_beyond_the_limits_is_refused_and_the_oldest_makes_room() {
    on_arbiter(async {
        let retention = Retention { file_bytes: 3000, ..Retention::default() };
        let sim = Sim::start_with(SimOptions { upload_bytes: 2000, retention, ..options() }).await;
        let refused = upload(&sim, "sim-alice", "a", &[b'x'; 2001]).await;
        assert_eq!((refused.status, &refused.json()["message"]), (413, &"A file has at most 2000 bytes.".into()));
        // All of it is read, so that a client that first writes everything hears the answer.
        assert_eq!(upload(&sim, "sim-alice", "a", &vec![b'x'; 3 << 20]).await.status, 413);
        let first = link_of(&upload(&sim, "sim-alice", "a", &[b'x'; 2000]).await.json());
        let second = link_of(&upload(&sim, "sim-alice", "b", &[b'x'; 2000]).await.json());
        assert_eq!(follow(&sim, "sim-bob", "GET", &first).await.status, 404);
        assert_eq!(follow(&sim, "sim-bob", "GET", &second).await.status, 200);
        sim.handle.stop().await;
    });
}

#[test]
fn a_form_that_is_none_is_refused_in_webex_shape() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let addr = sim.handle.addr();
        for (line, kind, body, status) in [
            ("POST /v1/messages", "multipart/form-data", "", 400),
            ("POST /v1/messages", "multipart/form-data; boundary=XX", "nonsense", 400),
            ("POST /v1/messages", "multipart/form-data; boundary=XX", "--XX--\r\n", 400),
            ("POST /v1/rooms", "multipart/form-data; boundary=XX", "--XX--\r\n", 415),
            ("POST /v1/messages", "multipart/mixed; boundary=XX", "--XX--\r\n", 415),
        ] {
            let headers = format!("Content-Type: {kind}\r\n");
            let answer = exchange(addr, "sim-alice", line, &headers, body.as_bytes()).await;
            assert_eq!(answer.status, status, "{line} {kind} {body}");
            assert_eq!(answer.json()["trackingId"].as_str(), answer.header("trackingid"));
        }
        sim.handle.stop().await;
    });
}

#[test]
fn a_person_says_something_with_a_file_and_the_state_keeps_it() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let room = json!({"title": "Ops", "members": ["bob@example.com"]});
        sim.control("POST", "/rooms", room).await.ok();
        let said = json!({"to": "Ops", "file": {"name": "a.csv", "type": "text/csv", "text": "a;b"}});
        let link = link_of(&sim.control("POST", "/say", said).await.ok()["message"]);
        let said = json!({"to": "Ops", "text": "look", "mention": ["bob@example.com"],
            "file": {"name": "b.bin", "base64": "AP8="}});
        let bytes = sim.control("POST", "/say", said).await.ok()["message"].clone();
        assert_eq!(bytes["text"], "Bob Example look");
        assert_eq!(follow(&sim, "sim-bob", "GET", &link_of(&bytes)).await.body, [0, 255]);
        for file in
            [json!({"name": "a"}), json!({"name": "a", "base64": "%"}), json!({"name": "a", "text": "", "base64": ""})]
        {
            assert_eq!(sim.control("POST", "/say", json!({"to": "Ops", "file": file})).await.status, 400);
        }
        let state = sim.control("GET", "/state", Value::Null).await.ok();
        sim.control("POST", "/reset", Value::Null).await.ok();
        assert_eq!(follow(&sim, "sim-bob", "GET", &link).await.status, 404);
        sim.control("PUT", "/state", state).await.ok();
        let file = follow(&sim, "sim-bob", "GET", &link).await;
        assert_eq!((file.body.as_slice(), file.header("content-type")), (b"a;b".as_slice(), Some("text/csv")));
        sim.handle.stop().await;
    });
}

#[test]
fn what_can_be_got_can_be_asked_for_its_head() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let addr = sim.handle.addr();
        let got = exchange(addr, "sim-alice", "GET /v1/people/me", "", b"").await;
        let head = exchange(addr, "sim-alice", "HEAD /v1/people/me", "", b"").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), Some(got.body.len().to_string().as_str()));
        assert_eq!(exchange(addr, "sim-alice", "HEAD /v1/nothing", "", b"").await.status, 404);
        sim.handle.stop().await;
    });
}
