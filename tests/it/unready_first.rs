//! A balancer in front: the service says that it is not ready, waits, and only then stops.

use std::time::Duration;

use botyard::{app::Threads, base::Clock};
use rustix::process::Signal;

use crate::{
    sim_support::{pass, with_stopped_clock},
    support::{
        house::{ECHO, House, Plan},
        live::{Live, eventually},
        raw_http,
    },
};

#[actix::test]
async fn it_is_not_ready_and_works_as_ever_until_it_drains_or_is_told_again() {
    let live = Live::new(&[("echo.toml", ECHO)], &[("BOTYARD_SHUTDOWN__UNREADY_FIRST", "600")]).await;
    let service = live.serve().await;
    let (_, admin) = service.serves().await;
    live.registered("echo").await;
    assert_eq!(raw_http::send(admin, "GET", "/readyz", &[], "").await.status, 200);
    service.signal(Signal::TERM);
    eventually("it to be not ready", || async {
        (raw_http::send(admin, "GET", "/readyz", &[], "").await.status == 503).then_some(())
    })
    .await;
    assert_eq!(live.ask("echo", "still there?").await, "still there?");
    live.ground.write("bots.d/echo.toml", &ECHO.replace("{{ message.text }}", "now: {{ message.text }}"));
    eventually("a changed definition", || async { (live.ask("echo", "x").await == "now: x").then_some(()) }).await;
    service.signal(Signal::TERM);
    let (status, log) = service.ended().await;
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("stopped at once")), "{log:#?}");
}

#[test]
fn it_drains_when_that_time_is_over() {
    with_stopped_clock(async {
        let mut plan = Plan { threads: Threads::One, clock: Clock::following_tokio(), ..Plan::default() };
        plan.settings.push(("shutdown.unready_first", "20".to_owned()));
        let mut house = House::build(plan, &[("echo.toml", ECHO)]).await;
        house.registered(&["echo"]).await;
        let (start, admin) = (tokio::time::Instant::now(), house.app().admin_addr());
        let asks = |path: &'static str| async move { raw_http::send(admin, "GET", path, &[], "").await.status };
        let ending = async {
            house.stop_now().await;
            start.elapsed()
        };
        let meanwhile = async {
            assert_eq!((asks("/readyz").await, asks("/livez").await), (503, 200));
            pass(Duration::from_secs(19)).await;
            for _ in 0..20 {
                assert_eq!(asks("/livez").await, 200, "it waits");
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        };
        let (took, ()) = tokio::join!(ending, meanwhile);
        assert_eq!(took, Duration::from_secs(20), "and no longer");
        house.close().await;
    });
}
