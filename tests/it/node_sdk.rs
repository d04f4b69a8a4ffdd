//! Webex's own SDK for Node believes in the simulator.

use serde_json::json;

use crate::{
    sim_support::{Sim, on_arbiter},
    support::clients::node,
};

#[test]
fn the_node_sdk_works_through_every_resource() {
    on_arbiter(async {
        let sim = Sim::start().await;
        // In the form of a real one, so that the SDK finds the organization in it, as it likes to.
        let token = "YWxpY2U_PF84_1f4ae10e-5aad-4400-83bc-ad9e1e1b0829";
        sim.control("POST", "/tokens", json!({ "email": "alice@example.com", "token": token })).await.ok();
        node("rest.js", &[&sim.handle.url(), token, "sim-bot-echo"]).await;
        sim.handle.stop().await;
    });
}
