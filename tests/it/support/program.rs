//! The real program in a folder of its own: run to its end, or kept running.
//!
//! Everything it writes is held against what must never be written: tokens, keys, what people say.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    time::Duration,
};

use assert_cmd::Command;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::watch;

use super::house::within;

/// What tests put into secrets and messages, and no output may hold.
const NEVER_SHOWN: [&str; 3] = ["sim-bot-", "s3cret", "wh1sper"];

/// A folder with an empty `bots.d`, to run the program in.
pub(crate) struct Ground {
    dir: TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bots.d")).unwrap();
        Self { dir }
    }

    /// With these definitions: file name below `bots.d`, text.
    pub(crate) fn with(bots: &[(&str, &str)]) -> Self {
        let ground = Self::new();
        for (file, text) in bots {
            ground.write(&format!("bots.d/{file}"), text);
        }
        ground
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file as an editor does: beside it, then renamed.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let half = path.with_extension("tmp");
        fs::write(&half, text).unwrap();
        fs::rename(half, path).unwrap();
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        run(self.dir.path(), args, env, "")
    }

    /// The same while this thread goes on, e.g. with a simulator.
    pub(crate) async fn run_beside(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        self.run_with(args, env, "").await
    }

    /// The same with these lines on its standard input.
    pub(crate) async fn run_with(&self, args: &[&str], env: &[(&str, &str)], lines: &str) -> Ran {
        let owned = |text: &&str| (*text).to_owned();
        let lines = lines.to_owned();
        let (dir, args) = (self.dir.path().to_owned(), args.iter().map(owned).collect::<Vec<_>>());
        let env: Vec<_> = env.iter().map(|(name, value)| (owned(name), owned(value))).collect();
        let running = tokio::task::spawn_blocking(move || {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            let env: Vec<_> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            run(&dir, &args, &env, &lines)
        });
        running.await.unwrap()
    }

    /// Starts `botyard serve` on free ports; what is in `env` is put over that.
    pub(crate) fn serve(&self, env: &[(&str, &str)]) -> Process {
        let usual = [
            ("BOTYARD_PUBLIC_URL", "http://127.0.0.1:9"),
            ("BOTYARD_LISTEN", "127.0.0.1:0"),
            ("BOTYARD_ADMIN__LISTEN", "127.0.0.1:0"),
            // The discard port: nobody is there.
            ("BOTYARD_WEBEX__API_URL", "http://127.0.0.1:9/v1"),
        ];
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_botyard"));
        command.env_clear().envs(usual).envs(env.iter().copied()).current_dir(self.dir.path()).arg("serve");
        Process::start(command, self.dir.path().to_owned())
    }
}

fn run(dir: &Path, args: &[&str], env: &[(&str, &str)], lines: &str) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_botyard"));
    command.env_clear().envs(env.iter().copied()).current_dir(dir).args(args);
    let output = command.write_stdin(lines).timeout(Duration::from_mins(1)).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or_else(|| panic!("{args:?}: {:?}", output.status));
    let ran = Ran { code, out: text(output.stdout), err: text(output.stderr) };
    keeps_secrets(dir, &format!("{}\n{}", ran.out, ran.err));
    ran
}

/// No output holds a secret of this folder.
fn keeps_secrets(dir: &Path, output: &str) {
    for secret in NEVER_SHOWN {
        assert!(!output.contains(secret), "`{secret}` is shown in\n{output}");
    }
    for file in ["admin.token", "seal.key"] {
        let kept = fs::read_to_string(dir.join("data").join(file)).unwrap_or_default();
        assert!(kept.trim().is_empty() || !output.contains(kept.trim()), "{file} is shown in\n{output}");
    }
}

/// A running program and what it has logged so far.
pub(crate) struct Process {
    child: Option<Child>,
    pid: u32,
    dir: PathBuf,
    lines: watch::Receiver<Vec<String>>,
}

impl Process {
    fn start(mut command: std::process::Command, dir: PathBuf) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = watch::channel(Vec::new());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            // To its end, whatever it holds: a program that nobody reads any more stands still at its next word.
            for line in stderr.split(b'\n') {
                let line = String::from_utf8_lossy(&line.unwrap()).into_owned();
                sender.send_modify(|lines: &mut Vec<String>| lines.push(line));
            }
        });
        Self { pid: child.id(), child: Some(child), dir, lines }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// The first line with these words, as soon as there is one.
    pub(crate) async fn logged(&self, words: &str) -> String {
        let mut lines = self.lines.clone();
        let found = |lines: &Vec<String>| lines.iter().any(|line| line.contains(words));
        // In one statement: what is waited for is a lock on the lines, and to read them again under it stands still
        // when a line comes in between.
        let there = matches!(tokio::time::timeout(Duration::from_secs(30), lines.wait_for(found)).await, Ok(Ok(_)));
        let log = self.log();
        assert!(there, "`{words}` was never logged:\n{}", log.join("\n"));
        log.into_iter().find(|line| line.contains(words)).unwrap()
    }

    /// Waits until it serves; answers where webhooks come in and where the admin listener is.
    pub(crate) async fn serves(&self) -> (SocketAddr, SocketAddr) {
        let line = self.logged("botyard serves").await;
        let after = |key: &str| {
            let rest = line.split_once(key).unwrap().1;
            rest.split([' ', '"', ',']).next().unwrap().parse().unwrap()
        };
        if line.starts_with('{') {
            (after("\"listen\":\""), after("\"admin\":\""))
        } else {
            (after("listen="), after("admin="))
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid).unwrap()).unwrap();
        // One that has ended by itself has nothing to be told.
        let _ = kill_process(pid, signal);
    }

    /// Whether it has ended.
    pub(crate) fn gone(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Waits for its end; answers how it ended and all that it logged.
    pub(crate) async fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let mut child = self.child.take().unwrap();
        let status = within(tokio::task::spawn_blocking(move || child.wait())).await.unwrap().unwrap();
        let mut lines = self.lines.clone();
        // The end of the log is the end of its reader.
        within(async { while lines.changed().await.is_ok() {} }).await;
        let log = self.log();
        keeps_secrets(&self.dir, &log.join("\n"));
        (status, log)
    }

    /// Asks it to stop and waits; it must end well.
    pub(crate) async fn stop(self) -> Vec<String> {
        self.signal(Signal::TERM);
        let (status, log) = self.ended().await;
        assert_eq!(status.code(), Some(0), "{}", log.join("\n"));
        log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port for a service that is started more than once, out of the range that outgoing connections take theirs from.
pub(crate) fn free_port() -> u16 {
    use std::hash::{BuildHasher, Hasher};
    loop {
        let random = std::hash::RandomState::new().build_hasher().finish();
        let port = 10_000 + u16::try_from(random % 20_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
