//! A program in another language that listens, and ends with its test.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::clients::set_up;

/// The program.
pub(crate) struct Served {
    child: Child,
    pub(crate) port: u16,
}

impl Served {
    /// Starts a file with an interpreter of the tests' own, and waits until its first line says where it listens.
    pub(crate) fn start(interpreter: &str, file: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(set_up(interpreter));
        command.arg(file).args(arguments).envs(env.iter().copied());
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(' ').next().unwrap().parse();
        Self { child, port: port.unwrap_or_else(|_| panic!("{}: {line}", file.display())) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
