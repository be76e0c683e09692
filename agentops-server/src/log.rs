//! What the server says of itself: a line for each thing, on stderr.

use std::fmt;
use std::io::Write as _;

/// Something is not as it should be, and the server goes on.
pub(crate) fn warn(what: &dyn fmt::Display) {
    // Where even this fails there is nobody to tell.
    _ = writeln!(std::io::stderr(), "warning: {what}");
}
