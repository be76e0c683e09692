//! Files that only their owner can read: they hold prompts.
//!
//! What spool and overflow have in common. Knows nothing of what is in them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

#[cfg(unix)]
pub(super) fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(unix)]
pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

// A user's own data directory is private on the other systems we write for; never compiled so far.
#[cfg(not(unix))]
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).open(path)
}

#[cfg(not(unix))]
pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}
