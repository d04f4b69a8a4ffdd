//! Runs the programs of `tests/clients`: Webex clients that no one here wrote, driven by a few lines of Python or
//! JavaScript.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Which of Python's clients: they want different versions of the same libraries.
#[derive(Clone, Copy)]
pub(crate) enum Sdk {
    Webexpythonsdk,
    Webexteamssdk,
}

impl Sdk {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Webexpythonsdk => "webexpythonsdk",
            Self::Webexteamssdk => "webexteamssdk",
        }
    }

    fn interpreter(self) -> PathBuf {
        match self {
            Self::Webexpythonsdk => set_up("bin/python"),
            Self::Webexteamssdk => set_up("webexteamssdk/bin/python"),
        }
    }
}

/// A program of the virtual environment: the one `make test` sets up, unless another is named.
pub(crate) fn set_up(program: &str) -> PathBuf {
    let named = env::var_os("BOTYARD_TEST_VENV").map(PathBuf::from);
    there(named.unwrap_or_else(|| root().join(".venv")).join(program))
}

fn there(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "run `make test`, which sets up the clients (there is no `{}`)", path.display());
    path
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program of `tests/clients/python`. The SDKs give each request a minute at most.
pub(crate) async fn python(sdk: Sdk, program: &str, arguments: &[&str]) {
    run(Command::new(sdk.interpreter()), &format!("python/{program}"), arguments).await;
}

/// Runs a program of `tests/clients/node` with the Node of the virtual environment.
pub(crate) async fn node(program: &str, arguments: &[&str]) {
    there(root().join("tests/clients/node/node_modules/.ready"));
    run(Command::new(set_up("bin/node")), &format!("node/{program}"), arguments).await;
}

/// Expects the program to end well and to say so.
async fn run(mut command: Command, program: &str, arguments: &[&str]) {
    command.arg(root().join("tests/clients").join(program)).args(arguments).stdin(Stdio::null());
    // The simulator is on this machine, and no proxy that the environment names can reach it.
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    // Folders of compiled Python have no business among the sources.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = tokio::task::spawn_blocking(move || command.output());
    let Output { status, stdout, stderr } = ended.await.unwrap().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && stdout.contains("all is well"), "{program}: {status}\n{stdout}\n{stderr}");
}
