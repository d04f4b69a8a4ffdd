//! A client that no one here wrote, Cisco's Python SDK, is the person who talks to a bot, end to end.

use crate::support::{
    clients::{Sdk, python},
    house::{ECHO, House, address},
};

#[actix::test]
async fn a_person_with_the_python_sdk_is_answered() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    python(Sdk::Webexpythonsdk, "person.py", &[house.sim.api(), "sim-alice", &address("echo")]).await;
    house.close().await;
}
