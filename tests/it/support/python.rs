//! Runs the programs of `tests/clients`: clients that no one here wrote, driven by a few lines of Python.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

/// The interpreter that has the SDK: the one `make test` sets up, unless another is named.
fn interpreter() -> PathBuf {
    let named = env::var_os("BOTYARD_TEST_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python"));
    assert!(python.exists(), "run `make test`, which sets up .venv (there is no `{}`)", python.display());
    python
}

/// Runs a script of `tests/clients` and expects it to end well. The SDK gives each request a minute at most.
pub(crate) async fn run(script: &str, arguments: &[&str]) {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let mut command = Command::new(interpreter());
    command.arg(&script).args(arguments).stdin(Stdio::null());
    let ended = tokio::task::spawn_blocking(move || command.output());
    let Output { status, stdout, stderr } = ended.await.unwrap().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && stdout.contains("all is well"), "{status}\n{stdout}\n{stderr}");
}
