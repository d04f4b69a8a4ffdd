//! Who may read a file that holds a secret: one rule for keys and tokens alike.

use std::{io, os::unix::fs::PermissionsExt, path::Path};

/// Container secrets are mounted here, readable by all and owned by root; the mount itself is the fence.
const MOUNTS: &[&str] = &["/run/secrets", "/var/run/secrets"];

/// The mode of a file that others can read, or that more than its owner can write; `None` when it is as it should be.
///
/// The group may read: that is how a mounted secret reaches a process that is not root.
///
/// # Errors
/// When the file cannot be looked at.
pub fn too_open(path: &Path) -> io::Result<Option<u32>> {
    too_open_unless_below(path, MOUNTS)
}

fn too_open_unless_below(path: &Path, mounts: &[&str]) -> io::Result<Option<u32>> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & 0o027 != 0 && !is_below(path, mounts)).then_some(mode))
}

/// By where the file really is, so that no `..` and no link leads out of the mount.
fn is_below(path: &Path, mounts: &[&str]) -> bool {
    let Ok(real) = path.canonicalize() else { return false };
    mounts.iter().filter_map(|mount| Path::new(mount).canonicalize().ok()).any(|mount| real.starts_with(mount))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_the_owner_may_write_and_only_owner_and_group_may_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, "x").unwrap();
        for (mode, refused) in [(0o600, false), (0o440, false), (0o640, false), (0o644, true), (0o660, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(too_open(&path).unwrap(), refused.then_some(mode), "{mode:o}");
        }
    }

    #[test]
    fn a_mounted_secret_may_be_readable_by_all_but_a_link_out_of_the_mount_may_not() {
        let (mount, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mounts = [mount.path().to_str().unwrap()];
        for dir in [&mount, &other] {
            fs::write(dir.path().join("secret"), "x").unwrap();
            fs::set_permissions(dir.path().join("secret"), fs::Permissions::from_mode(0o444)).unwrap();
        }
        assert_eq!(too_open_unless_below(&mount.path().join("secret"), &mounts).unwrap(), None);
        std::os::unix::fs::symlink(other.path().join("secret"), mount.path().join("link")).unwrap();
        assert_eq!(too_open_unless_below(&mount.path().join("link"), &mounts).unwrap(), Some(0o444));
    }
}
