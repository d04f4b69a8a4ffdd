//! Who runs the command, for the audit: the user and the host, as the system names them.

use crate::store::By;

/// `alice@host`; with `sudo` the one who called it.
pub(super) fn name() -> String {
    let said = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user =
        said.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    format!("{user}@{}", rustix::system::uname().nodename().to_string_lossy())
}

/// Whoever runs the command, where no service runs.
pub(super) fn command_line() -> By {
    By::command_line(Some(&name()))
}
