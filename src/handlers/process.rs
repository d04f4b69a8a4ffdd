//! A program of this host: JSON on its standard input, an answer on its standard output, and nothing of ours besides.
//!
//! It gets a process group of its own, so that at its time limit everything it started ends with it; an environment
//! with next to nothing in it, so that no secret of the house is in there; and limits of memory and output. It is
//! no sandbox: it runs as the user that runs Botyard, and may read what that user may. See SECURITY.md.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
};

use crate::base::Secret;

/// What is kept of standard error, for the log: the beginning says what went wrong.
const MOST_STDERR: usize = 4 * 1024;

/// How a program is run.
#[derive(Debug, Clone)]
pub struct Exec {
    /// Program and arguments. Never a shell's line: nothing of a message becomes a command.
    pub command: Vec<String>,
    /// Where it runs: the definition's folder.
    pub dir: PathBuf,
    /// Variables of its environment, besides `PATH` and `LANG`.
    pub env: Vec<(String, Secret)>,
    /// Memory it may have, in bytes; 0: no limit.
    pub memory: u64,
    /// Bytes of output at most.
    pub output: usize,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// It cannot be started.
    #[error("`{program}` cannot be started: {reason}")]
    Start {
        /// Which.
        program: String,
        /// What the system says.
        reason: String,
    },
    /// It took too long and was ended, with all it had started.
    #[error("`{program}` took longer than {limit:?} and was ended")]
    Timeout {
        /// Which.
        program: String,
        /// How long it had.
        limit: Duration,
    },
    /// It wrote more than it may.
    #[error("`{program}` wrote more than {limit} bytes and was ended")]
    TooMuch {
        /// Which.
        program: String,
        /// How much it had.
        limit: usize,
    },
    /// It said by its status that it failed.
    #[error("`{program}` ended with {status}{}", if stderr.is_empty() { String::new() } else { format!(": {stderr}") })]
    Failed {
        /// Which.
        program: String,
        /// `exit status: 1`, `signal: 9 (SIGKILL)`.
        status: String,
        /// The last line of its standard error.
        stderr: String,
    },
    /// The pipe broke.
    #[error("`{program}` could not be talked to: {reason}")]
    Pipe {
        /// Which.
        program: String,
        /// What the system says.
        reason: String,
    },
}

/// What a program wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// The beginning of its standard error: for the log.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

/// Ends a whole process group when it is dropped: however the one who waits for it ends, nothing stays behind.
#[derive(Debug)]
pub(super) struct Group(Option<Pid>);

impl Group {
    pub(super) fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Gone already is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Exec {
    /// The program, for people.
    #[must_use]
    pub fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    /// Starts it, with pipes for all three streams.
    pub(super) fn start(&self) -> Result<Child, ExecError> {
        let refuse = |reason: String| ExecError::Start { program: self.program().to_owned(), reason };
        let Some((program, args)) = self.command.split_first() else { return Err(refuse("no command is set".into())) };
        // A path below the definition's folder is meant from there, and not from where Botyard was started.
        let program = if program.contains('/') { self.dir.join(program).into_os_string() } else { program.into() };
        let mut command = if self.memory > 0 {
            // The limit is set by a shell that then becomes the program: the shell's own line is fixed, program and
            // arguments are handed to it as arguments. `-d` (data) and not `-v`: runtimes such as Node's reserve far
            // more addresses than they ever use.
            let mut shell = Command::new("/bin/sh");
            let kilobytes = (self.memory / 1024).to_string();
            shell.args(["-c", "ulimit -d \"$1\" && shift && exec \"$@\"", "sh"]).arg(kilobytes).arg(program);
            shell
        } else {
            Command::new(program)
        };
        command.args(args).current_dir(&self.dir).env_clear();
        for name in ["PATH", "LANG"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for (name, value) in &self.env {
            command.env(name, value.expose());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        command.spawn().map_err(|error| refuse(error.to_string()))
    }

    /// Runs it once: writes `input`, reads what it says until it ends.
    ///
    /// # Errors
    /// [`ExecError`]; whatever it is, the program and all it started are gone.
    pub async fn run(&self, input: Vec<u8>, limit: Duration) -> Result<Output, ExecError> {
        let began = Instant::now();
        let mut child = self.start()?;
        let group = Group::of(&child);
        let program = || self.program().to_owned();
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let write = async move {
            if let Some(mut stdin) = stdin {
                // One that does not care for its input may close it: its answer decides.
                let _ = stdin.write_all(&input).await;
                let _ = stdin.shutdown().await;
            }
        };
        let talk = async {
            let (out, err, ()) = tokio::join!(read_up_to(stdout, self.output), drain(stderr, MOST_STDERR), write);
            let out = out.map_err(|error| ExecError::Pipe { program: program(), reason: error.to_string() })?;
            let Some(out) = out else { return Err(ExecError::TooMuch { program: program(), limit: self.output }) };
            let status = child.wait().await;
            let status = status.map_err(|error| ExecError::Pipe { program: program(), reason: error.to_string() })?;
            Ok((out, err, status))
        };
        let done = tokio::time::timeout(limit, talk).await;
        // The whole group, also after a good end: what it left running in the background has no business any more.
        drop(group);
        let (stdout, stderr, status) =
            done.map_err(|_elapsed| ExecError::Timeout { program: program(), limit }).and_then(|done| done)?;
        if !status.success() {
            let stderr = last_line(&stderr);
            return Err(ExecError::Failed { program: program(), status: status.to_string(), stderr });
        }
        Ok(Output { stdout, stderr, took: began.elapsed() })
    }
}

/// Reads to the end; `None` when it is more than `most`.
async fn read_up_to(stream: Option<impl AsyncRead + Unpin>, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let Some(stream) = stream else { return Ok(Some(Vec::new())) };
    let mut bytes = Vec::new();
    let mut bounded = stream.take(u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1));
    bounded.read_to_end(&mut bytes).await?;
    Ok((bytes.len() <= most).then_some(bytes))
}

/// Keeps the beginning and reads on, so that nobody hangs on a full pipe.
async fn drain(stream: Option<impl AsyncRead + Unpin>, most: usize) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read) = stream.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        let room = most.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(buffer.get(..room).unwrap_or_default());
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What a person is shown of standard error: its last line, which says what went wrong in most languages.
fn last_line(text: &str) -> String {
    let line = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    line.chars().take(200).collect()
}

/// One program shared by those who wait for it.
pub type SharedExec = Arc<Exec>;

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Exec {
        Exec {
            command: vec!["/bin/sh".into(), "-c".into(), line.into()],
            dir: std::env::temp_dir(),
            env: vec![("GREETING".into(), Secret::new("hi"))],
            memory: 0,
            output: 1_000,
        }
    }

    async fn run(exec: &Exec, input: &str) -> Result<String, ExecError> {
        let output = exec.run(input.as_bytes().to_vec(), Duration::from_secs(20)).await?;
        Ok(String::from_utf8(output.stdout).unwrap())
    }

    #[actix_rt::test]
    async fn what_is_written_is_read_and_what_it_says_comes_back() {
        assert_eq!(run(&shell("cat; echo done"), "in\n").await.unwrap(), "in\ndone\n");
        assert_eq!(run(&shell("echo early"), &"x".repeat(1 << 20)).await.unwrap(), "early\n");
    }

    #[actix_rt::test]
    async fn its_environment_holds_what_was_named_and_nothing_else() {
        let names = run(&shell("env | cut -d= -f1 | sort | tr '\\n' ' '"), "").await.unwrap();
        // The shell sets some by itself.
        let own = ["PWD", "SHLVL", "OLDPWD", "_"];
        let left: Vec<_> = names.split_whitespace().filter(|name| !own.contains(name)).collect();
        assert!(left.contains(&"GREETING") && left.contains(&"PATH"), "{left:?}");
        assert!(left.iter().all(|name| ["GREETING", "PATH", "LANG"].contains(name)), "{left:?}");
    }

    #[actix_rt::test]
    async fn too_much_output_and_a_bad_end_are_errors() {
        let much = run(&shell("head -c 1001 /dev/zero"), "").await.unwrap_err();
        assert!(matches!(much, ExecError::TooMuch { limit: 1_000, .. }), "{much}");
        let bad = run(&shell("echo first >&2; echo 'it broke' >&2; exit 3"), "").await.unwrap_err();
        assert_eq!(bad.to_string(), "`/bin/sh` ended with exit status: 3: it broke");
        let none = Exec { command: vec!["/no/such/program".into()], ..shell("") };
        assert!(matches!(run(&none, "").await.unwrap_err(), ExecError::Start { .. }));
    }

    #[actix_rt::test]
    async fn at_its_time_limit_the_whole_group_ends() {
        let dir = tempfile::tempdir().unwrap();
        let exec = Exec { dir: dir.path().to_owned(), ..shell("sleep 600 & echo $! > child; wait") };
        // Ended as soon as it has told who its child is; the limit itself is Tokio's, and not what is shown here.
        let running = exec.run(Vec::new(), Duration::from_mins(10));
        let told = async {
            loop {
                let text = std::fs::read_to_string(dir.path().join("child")).unwrap_or_default();
                if text.ends_with('\n') {
                    return text.trim().parse::<i32>().unwrap();
                }
                tokio::task::yield_now().await;
            }
        };
        let child = tokio::select! { _ = running => panic!("it ended by itself"), child = told => child };
        let gone = || match std::fs::read_to_string(format!("/proc/{child}/stat")) {
            Err(_) => true,
            Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        };
        let begun = Instant::now();
        while !gone() {
            assert!(begun.elapsed() < Duration::from_secs(20), "process {child} outlived its group");
            tokio::task::yield_now().await;
        }
    }

    #[actix_rt::test]
    async fn a_program_that_takes_too_long_is_told_from_one_that_fails() {
        let ended = shell("sleep 600").run(Vec::new(), Duration::from_millis(1)).await.unwrap_err();
        assert!(matches!(ended, ExecError::Timeout { .. }), "{ended}");
    }

    #[actix_rt::test]
    async fn memory_is_limited() {
        let exec = Exec { memory: 64 << 20, ..shell("ulimit -d") };
        assert_eq!(run(&exec, "").await.unwrap(), "65536\n");
    }

    #[actix_rt::test]
    async fn nothing_of_a_message_becomes_a_command() {
        let exec = Exec {
            command: vec!["/bin/echo".into(), "; touch /tmp/owned".into(), "$(id)".into()],
            memory: 64 << 20,
            ..shell("")
        };
        assert_eq!(run(&exec, "").await.unwrap(), "; touch /tmp/owned $(id)\n");
    }
}
