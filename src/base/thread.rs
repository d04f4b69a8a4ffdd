//! Names of threads, as process tools show them: who looks at a busy process sees which part of it is busy.

use std::ffi::CString;

/// Names the current thread; of a long name the first 15 bytes show.
///
/// Arbiters name their threads themselves, but all alike in those 15 bytes.
pub fn name(name: &str) {
    if let Ok(name) = CString::new(name)
        && let Err(error) = rustix::thread::set_name(&name)
    {
        tracing::trace!(%error, "the thread keeps its name");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_to_the_system() {
        let shown = std::thread::spawn(|| {
            name("bots");
            std::fs::read_to_string("/proc/thread-self/comm").unwrap()
        });
        assert_eq!(shown.join().unwrap(), "bots\n");
    }
}
