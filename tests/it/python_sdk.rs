//! A client that no one here wrote, Cisco's Python SDK, believes in the simulator.

use std::{env, path::PathBuf, process::Output, time::Duration};

use tokio::process::Command;

use crate::sim_support::{Sim, on_arbiter};

/// The interpreter that has the SDK: the one `make test` sets up, unless another is named.
fn interpreter() -> PathBuf {
    let named = env::var_os("BOTYARD_TEST_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python"));
    assert!(python.exists(), "run `make test`, which sets up .venv (there is no `{}`)", python.display());
    python
}

/// Runs a script of `tests/clients` and expects it to end well.
async fn run(script: &str, arguments: &[&str]) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let child = Command::new(interpreter()).arg(&script).args(arguments).kill_on_drop(true).output();
    let Output { status, stdout, stderr } =
        tokio::time::timeout(Duration::from_secs(100), child).await.expect("the script hangs").unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && stdout.contains("all is well"), "{status}\n{stdout}\n{stderr}");
}

#[test]
fn the_python_sdk_works_through_every_resource() {
    on_arbiter(async {
        let sim = Sim::start().await;
        run("webexpythonsdk_smoke.py", &[&sim.handle.url(), "sim-alice", "sim-bot-echo"]).await;
        sim.handle.stop().await;
    });
}
