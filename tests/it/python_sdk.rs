//! A client that no one here wrote, Cisco's Python SDK, believes in the simulator.

use crate::{
    sim_support::{Sim, on_arbiter},
    support::python::run,
};

#[test]
fn the_python_sdk_works_through_every_resource() {
    on_arbiter(async {
        let sim = Sim::start().await;
        run("webexpythonsdk_smoke.py", &[&sim.handle.url(), "sim-alice", "sim-bot-echo"]).await;
        sim.handle.stop().await;
    });
}
