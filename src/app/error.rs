//! Why the app does not start.

use std::path::PathBuf;

use super::UseError;
use crate::{
    http::{admin_token::AdminTokenError, server::BindError},
    net::NetError,
    store::{
        StoreError,
        sqlite::{OpenError, SealError, unwritable},
    },
};

/// Why the app did not start. Every text names the setting and the fix.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data dir cannot be made.
    #[error("{}", unwritable(path, reason))]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        reason: std::io::Error,
    },
    /// The data dir or the store in it cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The seal key cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The data dir is used for something else.
    #[error(transparent)]
    Use(#[from] UseError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The admin token cannot be used.
    #[error(transparent)]
    AdminToken(#[from] AdminTokenError),
    /// The way out cannot be built.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread or a socket could not be made.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}
