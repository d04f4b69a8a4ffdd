//! The one way to start a task that nobody awaits.

use std::future::Future;

use tokio::task::JoinHandle;

/// Starts `future` on the current thread's runtime.
///
/// One door for all detached tasks: `tokio::spawn` and `actix_web::rt::spawn` are banned elsewhere,
/// so every task that outlives its caller can be found by searching for this name.
///
/// # Panics
/// Outside of an arbiter or a `LocalSet`.
#[expect(clippy::disallowed_methods, reason = "this is the door the ban points to")]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    // Boxed first: the runtime moves a task several times as it starts and ends, and some are kilobytes large.
    tokio::task::spawn_local(Box::pin(future))
}
