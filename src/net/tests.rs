//! What the client does on real sockets.

use std::{io::Write as _, time::Duration};

use futures_util::FutureExt as _;

use super::{
    Egress, HttpClient, NetErrorKind,
    testing::{Answer, HeldTime, Server, authority, proxy, request},
};
use crate::base::{Secret, spawn::spawn};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTrackingID: T1\r\n\r\nhello";

fn client() -> HttpClient {
    HttpClient::direct().unwrap()
}

#[actix_rt::test]
async fn a_request_arrives_as_asked_and_its_answer_whole() {
    let server = Server::start(None, |_| Answer::Say(HELLO)).await;
    let mut post = request("POST", format!("http://{}/messages?before&after=", server.address), Some("{}"));
    post.headers.push(("content-type".into(), "application/json".into()));
    post.bearer = Some(Secret::new("Hunter2"));
    let response = client().send(post).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
    assert_eq!(response.header("trackingid"), Some("T1"));
    let (_, seen) = server.requests.lock().unwrap()[0].clone();
    assert!(seen.starts_with("post /messages?before&after= http/1.1\r\n"), "{seen}");
    assert!(seen.contains("authorization: bearer hunter2\r\n") && seen.ends_with("\r\n\r\n{}"), "{seen}");
    assert!(seen.contains("content-type: application/json\r\n") && seen.contains("user-agent: botyard/"), "{seen}");
}

#[actix_rt::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let server =
        Server::start(None, |_| Answer::Say("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"))
            .await;
    let response = client().send(request("GET", format!("http://{}/", server.address), None)).await.unwrap();
    assert_eq!((response.status, response.header("location"), server.count()), (302, Some("/other"), 1));
}

#[actix_rt::test]
async fn a_get_survives_a_pooled_connection_that_the_peer_closes() {
    let server = Server::start(None, |n| if n == 1 { Answer::Last("") } else { Answer::Say(HELLO) }).await;
    let client = client();
    for _ in 0..2 {
        let response = client.send(request("GET", format!("http://{}/", server.address), None)).await;
        assert_eq!(response.unwrap().status, 200);
    }
    let connections: Vec<_> = server.requests.lock().unwrap().iter().map(|(connection, _)| *connection).collect();
    assert_eq!(connections, [0, 0, 1], "the second went out on the pooled connection, then on a fresh one");
}

#[actix_rt::test]
async fn a_post_is_never_repeated_and_owns_up_to_its_doubt() {
    let server = Server::start(None, |n| if n == 1 { Answer::Last("") } else { Answer::Say(HELLO) }).await;
    let client = client();
    let url = format!("http://{}/", server.address);
    client.send(request("GET", &url, None)).await.unwrap();
    let error = client.send(request("POST", &url, Some("{}"))).await.unwrap_err();
    assert_eq!((error.kind, error.may_have_arrived, server.count()), (NetErrorKind::Reset, true, 2));
}

#[actix_rt::test]
async fn a_closed_port_is_a_refused_connection_and_nothing_arrived() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (method, body) in [("GET", None), ("POST", Some("{}"))] {
        let error = client().send(request(method, format!("http://{address}/"), body)).await.unwrap_err();
        assert_eq!((error.kind, error.may_have_arrived), (NetErrorKind::Connect, false), "{error}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}

#[actix_rt::test]
async fn a_timeout_knows_whether_the_request_had_left() {
    let server = Server::start(None, |_| Answer::Silence).await;
    let client = HttpClient::build(&Egress { connections: 1, ..Egress::default() }).unwrap();
    let _held = HeldTime::start();
    let post = || request("POST", format!("http://{}/", server.address), Some("{}"));
    let first = spawn({
        let (client, post) = (client.clone(), post());
        async move { client.send(post).await }
    });
    server.arrived.notified().await;
    // The one place in the pool is taken, so this one cannot even begin.
    let mut second = Box::pin(client.send(post()));
    assert!((&mut second).now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(31)).await;
    let (first, second) = (first.await.unwrap().unwrap_err(), second.await.unwrap_err());
    assert_eq!((first.kind, first.may_have_arrived), (NetErrorKind::Timeout, true));
    assert_eq!((second.kind, second.may_have_arrived), (NetErrorKind::Timeout, false));
}

#[actix_rt::test]
async fn an_answer_beyond_the_limit_is_refused_announced_or_not() {
    let long = |n| {
        Answer::Last(if n == 0 {
            "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nxxx"
        } else {
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nxxxxxx\r\n0\r\n\r\n"
        })
    };
    let server = Server::start(None, long).await;
    for _ in 0..2 {
        let mut get = request("GET", format!("http://{}/", server.address), None);
        get.max_body = 5;
        let error = client().send(get).await.unwrap_err();
        assert_eq!((error.kind, error.may_have_arrived), (NetErrorKind::TooLarge, true), "{error}");
    }
}

#[actix_rt::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let short = |n| {
        Answer::Last(match n {
            0 => {
                "HTTP/1.1 200 OK
Content-Length: 10

xxx"
            }
            _ => {
                "SSH-2.0-OpenSSH_9.9

"
            }
        })
    };
    let server = Server::start(None, short).await;
    for _ in 0..2 {
        let post = request("POST", format!("http://{}/", server.address), Some("{}"));
        let error = client().send(post).await.unwrap_err();
        assert_eq!((error.kind, error.may_have_arrived), (NetErrorKind::Reset, true), "{error}");
    }
}

#[actix_rt::test]
async fn what_cannot_be_sent_is_refused_before_and_shows_no_secret() {
    for url in ["", "nonsense", "ftp://host/", "/people/me", "http://user:hunter2@host/", "http://"] {
        let error = client().send(request("GET", url, None)).await.unwrap_err();
        assert_eq!((error.kind, error.may_have_arrived), (NetErrorKind::BadRequest, false), "{url}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
    let mut get = request("GET", "http://127.0.0.1:1/", None);
    get.bearer = Some(Secret::new("hunter2\nX-Evil: 1"));
    let error = client().send(get.clone()).await.unwrap_err();
    assert!(error.kind == NetErrorKind::BadRequest && !error.to_string().contains("hunter2"), "{error}");
    assert_eq!(format!("{get:?}"), "GET http://127.0.0.1:1/ (0 bytes)");
}

fn ca_file(pems: &[&str]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(pems.concat().as_bytes()).unwrap();
    file
}

#[actix_rt::test]
async fn a_server_is_trusted_through_the_extra_ca_and_not_without_it() {
    let (ours, tls) = authority("localhost");
    let (other, _) = authority("localhost");
    let server = Server::start(Some(tls), |_| Answer::Say(HELLO)).await;
    let url = format!("https://localhost:{}/", server.address.port());
    let trusting = |pems: &[&str]| {
        let file = ca_file(pems);
        HttpClient::build(&Egress { extra_ca_file: Some(file.path().to_owned()), ..Egress::default() }).unwrap()
    };
    let response = trusting(&[&other, &ours]).send(request("GET", &url, None)).await.unwrap();
    assert_eq!(&response.body[..], b"hello");
    for wary in [client(), trusting(&[&other])] {
        let error = wary.send(request("POST", &url, Some("{}"))).await.unwrap_err();
        assert_eq!((error.kind, error.may_have_arrived), (NetErrorKind::Tls, false), "{error}");
    }
    assert_eq!(server.count(), 1);
}

#[test]
fn a_ca_file_that_is_none_names_the_setting_and_the_file() {
    let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let no_ca = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for content in ["", "hello", broken, no_ca] {
        let file = ca_file(&[content]);
        let egress = Egress { extra_ca_file: Some(file.path().to_owned()), ..Egress::default() };
        let error = HttpClient::build(&egress).unwrap_err();
        assert_eq!(error.kind, NetErrorKind::Settings);
        let text = error.to_string();
        assert!(text.contains("`egress.extra_ca_file`") && text.contains(file.path().to_str().unwrap()), "{text}");
    }
    let error = HttpClient::build(&Egress { extra_ca_file: Some("/nowhere/ca.pem".into()), ..Egress::default() });
    assert!(error.unwrap_err().to_string().contains("`/nowhere/ca.pem` cannot be read"));
}

#[actix_rt::test]
async fn https_goes_through_the_proxy_end_to_end() {
    let (ca, tls) = authority("api.test");
    let server = Server::start(Some(tls), |_| Answer::Say(HELLO)).await;
    let proxy = proxy(server.address, None).await;
    let file = ca_file(&[&ca]);
    let egress = Egress {
        proxy: Some(Secret::new(format!("http://me:p%40ss@{}", proxy.address))),
        extra_ca_file: Some(file.path().to_owned()),
        ..Egress::default()
    };
    let client = HttpClient::build(&egress).unwrap();
    for _ in 0..2 {
        client.send(request("GET", "https://api.test/v1/people/me", None)).await.unwrap();
    }
    let asked = proxy.requests.lock().unwrap();
    assert_eq!(asked.len(), 1, "the tunnel is kept");
    assert!(asked[0].1.starts_with("connect api.test:443 http/1.1\r\nhost: api.test:443\r\n"), "{}", asked[0].1);
    assert!(asked[0].1.contains("proxy-authorization: basic bwu6cebzcw==\r\n"), "{}", asked[0].1);
    assert!(!server.requests.lock().unwrap()[0].1.contains("proxy-authorization"));
}

#[actix_rt::test]
async fn plain_http_goes_through_a_tunnel_too() {
    let server = Server::start(None, |_| Answer::Say(HELLO)).await;
    let proxy = proxy(server.address, None).await;
    let egress = Egress { proxy: Some(Secret::new(format!("http://{}", proxy.address))), ..Egress::default() };
    let client = HttpClient::build(&egress).unwrap();
    client.send(request("GET", "http://api.test/v1/", None)).await.unwrap();
    assert!(proxy.requests.lock().unwrap()[0].1.starts_with("connect api.test:80 "));
    assert!(server.requests.lock().unwrap()[0].1.starts_with("get /v1/ http/1.1\r\n"));
}

#[actix_rt::test]
async fn a_proxy_that_refuses_is_the_one_named() {
    let cases = [
        ("HTTP/1.1 407 Auth\r\n\r\n", "asks for credentials (407)"),
        ("HTTP/1.1 403 No\r\n\r\n", "does not allow `api.test:443` (403)"),
        ("HTTP/1.1 502 Bad\r\n\r\n", "did not open a tunnel to `api.test:443` (502)"),
        ("SSH-2.0-x\r\n\r\n", "does not answer in HTTP"),
        ("HTTP/1.1 200 ", "broke off"),
    ];
    for (refusal, expected) in cases {
        let proxy = proxy("127.0.0.1:1".parse().unwrap(), Some(refusal)).await;
        let egress = Egress { proxy: Some(Secret::new(format!("http://{}", proxy.address))), ..Egress::default() };
        let post = request("POST", "https://api.test/", Some("{}"));
        let error = HttpClient::build(&egress).unwrap().send(post).await.unwrap_err();
        assert_eq!((error.kind, error.may_have_arrived), (NetErrorKind::Proxy, false), "{error}");
        assert!(error.to_string().contains(expected) && error.to_string().contains("`egress.proxy`"), "{error}");
    }
}

#[actix_rt::test]
async fn loopback_and_the_no_proxy_list_bypass_the_proxy_and_nothing_else_does() {
    let server = Server::start(None, |_| Answer::Say(HELLO)).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let egress = Egress {
        proxy: Some(Secret::new(format!("http://me:hunter2@{dead}"))),
        no_proxy: vec!["0.0.0.0".into()],
        ..Egress::default()
    };
    let client = HttpClient::build(&egress).unwrap();
    for host in ["127.0.0.1", "0.0.0.0"] {
        let url = format!("http://{host}:{}/", server.address.port());
        assert_eq!(client.send(request("GET", url, None)).await.unwrap().status, 200);
    }
    let error = client.send(request("GET", "http://192.0.2.1/", None)).await.unwrap_err();
    assert_eq!(error.kind, NetErrorKind::Proxy);
    assert!(error.to_string().contains("cannot be reached") && !error.to_string().contains("hunter2"), "{error}");
}
