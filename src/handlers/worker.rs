//! A program that stays: a turn a line on its standard input, an answer a line on its standard output.
//!
//! One turn at a time. What does not answer in time, answers too much or ends is ended and made anew with the next
//! turn, so that a line of one turn is never taken for the answer to another.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout},
};

use super::process::{Exec, ExecError, Group};
use crate::base::spawn::spawn;

/// A program that stays, started when it is first needed.
#[derive(Debug)]
pub struct Worker {
    exec: Exec,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    // In this order: the group is ended first, then whoever waits for the pipes.
    _group: Group,
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Worker {
    /// A worker that is not started yet.
    #[must_use]
    pub fn new(exec: Exec) -> Self {
        Self { exec, running: None }
    }

    /// Whether it is made from this.
    #[must_use]
    pub fn is_of(&self, exec: &Exec) -> bool {
        let same_env = self.exec.env.len() == exec.env.len()
            && self.exec.env.iter().zip(&exec.env).all(|(mine, theirs)| mine == theirs);
        self.exec.command == exec.command && self.exec.dir == exec.dir && same_env
    }

    /// One turn: writes a line, reads a line.
    ///
    /// # Errors
    /// [`ExecError`]; the program is then ended, and started anew for the next turn.
    pub async fn turn(&mut self, input: &[u8], limit: Duration) -> Result<Vec<u8>, ExecError> {
        // Taken out, so that whoever is cut in the middle leaves none behind that is in the middle of something.
        let taken = self.running.take();
        let program = self.exec.program().to_owned();
        let talk = async {
            let mut running = match taken {
                Some(running) => running,
                None => self.start()?,
            };
            let line = running.exchange(input, self.exec.output).await;
            let line = line.map_err(|error| ExecError::Pipe { program: program.clone(), reason: error.to_string() })?;
            Ok((running, line))
        };
        match tokio::time::timeout(limit, talk).await {
            Err(_elapsed) => Err(ExecError::Timeout { program, limit }),
            Ok(Err(error)) => Err(error),
            Ok(Ok((running, Line::Whole(line)))) => {
                self.running = Some(running);
                Ok(line)
            }
            Ok(Ok((_, Line::TooLong))) => Err(ExecError::TooMuch { program, limit: self.exec.output }),
            Ok(Ok((_, Line::Ended))) => Err(ExecError::Failed {
                program,
                status: "its output closed, without an answer".into(),
                stderr: String::new(),
            }),
        }
    }

    fn start(&self) -> Result<Running, ExecError> {
        let mut child = self.exec.start()?;
        let group = Group::of(&child);
        let broken = |what: &str| ExecError::Pipe { program: self.exec.program().to_owned(), reason: what.to_owned() };
        let stdin = child.stdin.take().ok_or_else(|| broken("it has no standard input"))?;
        let stdout = child.stdout.take().ok_or_else(|| broken("it has no standard output"))?;
        if let Some(mut stderr) = child.stderr.take() {
            let program = self.exec.program().to_owned();
            // Read to its end, so that it never hangs on a full pipe. Not logged as it is: it may hold what people wrote.
            spawn(async move {
                let mut buffer = [0; 4096];
                while matches!(stderr.read(&mut buffer).await, Ok(read) if read > 0) {}
                tracing::debug!(program, "a worker closed its standard error");
            });
        }
        Ok(Running { _group: group, _child: child, stdin, stdout: BufReader::new(stdout) })
    }
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
    Ended,
}

impl Running {
    async fn exchange(&mut self, input: &[u8], most: usize) -> std::io::Result<Line> {
        self.stdin.write_all(input).await?;
        self.stdin.write_all(b"\n").await?;
        self.stdin.flush().await?;
        let mut line = Vec::new();
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        (&mut self.stdout).take(limit).read_until(b'\n', &mut line).await?;
        Ok(match line.pop() {
            Some(b'\n') => Line::Whole(line),
            Some(_) if line.len() >= most => Line::TooLong,
            _ => Line::Ended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(line: &str) -> Worker {
        Worker::new(Exec {
            command: vec!["/bin/sh".into(), "-c".into(), line.into()],
            dir: std::env::temp_dir(),
            env: Vec::new(),
            memory: 0,
            output: 100,
        })
    }

    const LONG: Duration = Duration::from_secs(20);

    async fn turn(worker: &mut Worker, input: &str) -> Result<String, ExecError> {
        worker.turn(input.as_bytes(), LONG).await.map(|line| String::from_utf8(line).unwrap())
    }

    #[actix_rt::test]
    async fn one_process_answers_turn_after_turn() {
        let mut worker = worker("while read -r line; do echo \"$$ $line\"; done");
        let first = turn(&mut worker, "a").await.unwrap();
        let second = turn(&mut worker, "b").await.unwrap();
        let process = |text: &str| text.split(' ').next().unwrap().to_owned();
        assert_eq!(process(&first), process(&second));
        assert!(first.ends_with(" a") && second.ends_with(" b"));
    }

    #[actix_rt::test]
    async fn one_that_ends_or_hangs_is_made_anew() {
        let mut worker =
            worker("read -r line; test \"$line\" = die && exit 1; test \"$line\" = hang && sleep 600; echo \"$line\"");
        assert!(matches!(turn(&mut worker, "die").await, Err(ExecError::Failed { .. })));
        assert!(matches!(worker.turn(b"hang", Duration::from_millis(200)).await, Err(ExecError::Timeout { .. })));
        assert_eq!(turn(&mut worker, "fine").await.unwrap(), "fine");
    }

    #[actix_rt::test]
    async fn a_line_that_is_too_long_ends_it() {
        let mut worker = worker("read -r line; head -c 5000 /dev/zero | tr '\\0' x; echo");
        assert!(matches!(turn(&mut worker, "go").await, Err(ExecError::TooMuch { limit: 100, .. })));
    }
}
