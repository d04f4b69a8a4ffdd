//! Is the data dir a place where a store can live: ours to write, and on a disk of this machine?

use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::Path};

/// Makes the data dir if it is not there; the error is the sentence for the operator.
pub(super) fn make(data_dir: &Path) -> Result<(), String> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(|error| unwritable(data_dir, &error))
}

/// Why a data dir cannot be written, and the line that puts it right.
#[must_use]
pub fn unwritable(data_dir: &Path, error: &io::Error) -> String {
    unwritable_by(rustix::process::geteuid().as_raw(), data_dir, error)
}

/// Why a file in the data dir cannot be written, and the line that puts it right.
pub(super) fn unwritable_file(path: &Path, error: &io::Error) -> String {
    match path.parent() {
        Some(dir) if error.kind() != io::ErrorKind::PermissionDenied || !path.exists() => unwritable(dir, error),
        _ => format!(
            "`{0}` cannot be written ({error}): run `chmod u+rw {0}`, and if it belongs to somebody else `sudo chown \
             $(id -u) {0}`, or set `data_dir` (BOTYARD_DATA_DIR)",
            path.display()
        ),
    }
}

/// The uid of the container image: there the dir is a mount, and the line is for the host.
const CONTAINER_UID: u32 = 10001;

fn unwritable_by(uid: u32, data_dir: &Path, error: &io::Error) -> String {
    let dir = data_dir.display();
    let fix = match error.kind() {
        io::ErrorKind::PermissionDenied if uid == CONTAINER_UID => {
            format!("run `chown -R {CONTAINER_UID}:{CONTAINER_UID}` on the folder that is mounted there")
        }
        io::ErrorKind::PermissionDenied if !data_dir.exists() => {
            format!("run `sudo mkdir -p {dir} && sudo chown -R $(id -u) {dir}`")
        }
        io::ErrorKind::PermissionDenied => format!("run `sudo chown -R $(id -u) {dir}`"),
        io::ErrorKind::ReadOnlyFilesystem => "it is mounted read-only: mount a writable volume there".to_owned(),
        io::ErrorKind::StorageFull => "the disk is full: make room".to_owned(),
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "part of the path is a file: name a folder".to_owned()
        }
        _ => "name another folder".to_owned(),
    };
    format!("the data dir `{dir}` cannot be written ({error}): {fix}, or set `data_dir` (BOTYARD_DATA_DIR)")
}

/// The network file system a folder is on, if it is on one. SQLite's log needs shared memory and locks that
/// those do not give, and fails there with damage, not with an error.
pub(super) fn network_file_system(dir: &Path) -> Option<&'static str> {
    let magic = rustix::fs::statfs(dir).ok()?.f_type;
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // The kernel's numbers are 32 bits wide; what is wider than that here is sign.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared as 32-bit patterns")]
    let magic = magic as u32;
    by_magic(magic)
        .or_else(|| (magic == FUSE).then(|| by_name(mount_type(&mounts, &dir.canonicalize().ok()?)?)).flatten())
}

const FUSE: u32 = 0x6573_5546;

/// <https://man7.org/linux/man-pages/man2/statfs.2.html>
fn by_magic(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x0000_6969 => "NFS",
        0x0000_517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB/CIFS",
        0x0102_1997 => "9p",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x7375_7245 => "Coda",
        _ => return None,
    })
}

/// FUSE is one number for many; local ones (and container runtimes' own) are fine.
fn by_name(kind: &str) -> Option<&'static str> {
    const KINDS: &[(&str, &str)] = &[
        ("fuse.sshfs", "sshfs"),
        ("fuse.s3fs", "s3fs"),
        ("fuse.gcsfuse", "gcsfuse"),
        ("fuse.rclone", "rclone"),
        ("fuse.glusterfs", "GlusterFS"),
        ("fuse.ceph", "Ceph"),
        ("fuse.ceph-fuse", "Ceph"),
        ("fuse.davfs", "WebDAV"),
        ("fuse.blobfuse", "blobfuse"),
        ("fuse.blobfuse2", "blobfuse"),
        ("fuse.juicefs", "JuiceFS"),
        ("fuse.seaweedfs", "SeaweedFS"),
    ];
    KINDS.iter().find(|(name, _)| *name == kind).map(|&(_, shown)| shown)
}

/// The type of the innermost mount that holds a path, from `/proc/self/mountinfo`.
fn mount_type<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    mounts
        .lines()
        .filter_map(|line| {
            let (front, back) = line.split_once(" - ")?;
            let point = front.split(' ').nth(4)?;
            path.starts_with(point).then_some((point.len(), back.split(' ').next()?))
        })
        // Of two mounts on one point the later line is the one that shows.
        .max_by_key(|&(len, _)| len)
        .map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_dir_of_somebody_else_comes_with_the_chown_line() {
        let error = io::Error::from(io::ErrorKind::PermissionDenied);
        let at_home = unwritable_by(1000, Path::new("/usr"), &error);
        assert!(at_home.contains("run `sudo chown -R $(id -u) /usr`"), "{at_home}");
        let to_be_made = unwritable_by(1000, Path::new("/usr/no/data"), &error);
        assert!(to_be_made.contains("mkdir -p /usr/no/data && sudo chown -R $(id -u) /usr/no/data"), "{to_be_made}");
        let in_container = unwritable_by(10001, Path::new("/data"), &error);
        assert!(in_container.contains("chown -R 10001:10001"), "{in_container}");
        assert!(in_container.contains("BOTYARD_DATA_DIR"), "{in_container}");
    }

    #[test]
    fn a_data_dir_below_a_file_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let text = make(&file.join("data")).unwrap_err();
        assert!(text.contains("part of the path is a file"), "{text}");
    }

    #[test]
    fn network_file_systems_are_known_by_number_and_fuse_by_name() {
        assert_eq!(by_magic(0x6969), Some("NFS"));
        assert_eq!(by_magic(0xff53_4d42), Some("SMB/CIFS"));
        assert_eq!(by_magic(0x0102_1997), Some("9p"));
        assert_eq!(by_magic(0xef53), None, "ext4");
        assert_eq!(by_magic(0x794c_7630), None, "overlayfs");
        assert_eq!(by_name("fuse.sshfs"), Some("sshfs"));
        assert_eq!(by_name("fuse.fuse-overlayfs"), None);
    }

    #[test]
    fn the_innermost_mount_decides() {
        let mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                      40 22 0:50 / /srv rw shared:1 - fuse.sshfs host:/srv rw\n\
                      41 40 8:2 / /srv/local rw - ext4 /dev/sdb1 rw\n";
        assert_eq!(mount_type(mounts, Path::new("/srv/data")), Some("fuse.sshfs"));
        assert_eq!(mount_type(mounts, Path::new("/srv/local/data")), Some("ext4"));
        assert_eq!(mount_type(mounts, Path::new("/srvx")), Some("ext4"));
    }

    #[test]
    fn a_local_folder_is_fine() {
        assert_eq!(network_file_system(tempfile::tempdir().unwrap().path()), None);
    }
}
