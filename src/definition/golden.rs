//! Generated files that are committed: a test compares, and rewrites when asked to.

use std::path::Path;

/// Fails when the committed file is not `current`; `UPDATE_GOLDEN=1` writes it first.
pub(super) fn assert_current(path: &str, current: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "`{}` is out of date: run `UPDATE_GOLDEN=1 cargo test --lib definition::` and commit it",
        path.display()
    );
}
