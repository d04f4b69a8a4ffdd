//! Who else may touch a file: the two questions that the rules ask.

use std::{os::unix::fs::MetadataExt as _, path::Path};

/// Whether everybody may write to a folder. One that is not there is not; whoever reads it will say so.
pub(super) fn writable_by_everyone(path: &Path) -> bool {
    // The sticky bit keeps people from replacing each other's files, as in `/tmp`.
    std::fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o002 != 0 && meta.mode() & 0o1000 == 0)
}

/// Whether users other than owner and group may read or write a file.
pub(super) fn open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o006 != 0)
}
