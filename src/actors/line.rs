//! A line to a singleton that survives its restart: whoever holds the line reaches the present incarnation.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use actix::{Actor, Addr};

/// An address that the supervisor can exchange under its holders.
pub struct Line<A: Actor>(Arc<Mutex<Option<Addr<A>>>>);

impl<A: Actor> Line<A> {
    /// A line that is not yet connected.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    /// Connects the line to an incarnation.
    pub fn connect(&self, addr: Addr<A>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(addr);
    }

    /// Lets go of the incarnation, so that it can end by having no more callers.
    pub fn disconnect(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The present incarnation; `None` before the first and after the last.
    #[must_use]
    pub fn addr(&self) -> Option<Addr<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<A: Actor> Default for Line<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Actor> Clone for Line<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor> fmt::Debug for Line<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}
