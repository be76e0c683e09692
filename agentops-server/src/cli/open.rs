//! The user's browser, opened on a page of the server.
//!
//! Only where somebody sits before it: what is started by scripts, in CI or on a machine without a screen opens nothing.
//! The address is always printed as well, so that nothing depends on this.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::process::{Command, Stdio};

/// Keeps the browser closed, whatever else is the case.
pub(super) const OFF: &str = "AGENTOPS_NO_OPEN";

/// The program that opens an address here; `None` where nobody would see it.
fn opener(
    is_terminal: bool,
    system: &str,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<(&'static str, &'static [&'static str])> {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    if !is_terminal || is_set(OFF) || is_set("CI") || is_set("SSH_CONNECTION") {
        return None;
    }
    match system {
        "macos" => Some(("open", &[])),
        "windows" => Some(("rundll32", &["url.dll,FileProtocolHandler"])),
        _ if is_set("DISPLAY") || is_set("WAYLAND_DISPLAY") => Some(("xdg-open", &[])),
        _ => None,
    }
}

/// Opens an address, if there is somebody to see it. That it could not is no failure.
pub(super) fn browser(address: &str) {
    let opener = opener(io::stdout().is_terminal(), std::env::consts::OS, |name| {
        std::env::var_os(name)
    });
    let Some((program, args)) = opener else {
        return;
    };
    let started = Command::new(program)
        .args(args)
        .arg(address)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(mut child) = started {
        // Some of them stay for as long as the browser does.
        std::thread::spawn(move || child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opens(is_terminal: bool, system: &str, set: &[&str]) -> Option<&'static str> {
        let variable = |name: &str| set.contains(&name).then(|| "1".into());
        opener(is_terminal, system, variable).map(|(program, _)| program)
    }

    #[test]
    fn only_where_somebody_sees_it() {
        assert_eq!(opens(true, "linux", &["DISPLAY"]), Some("xdg-open"));
        assert_eq!(opens(true, "linux", &["WAYLAND_DISPLAY"]), Some("xdg-open"));
        assert_eq!(opens(true, "freebsd", &["DISPLAY"]), Some("xdg-open"));
        assert_eq!(opens(true, "macos", &[]), Some("open"));
        assert_eq!(opens(true, "windows", &[]), Some("rundll32"));
        assert_eq!(opens(true, "linux", &[]), None);
        for system in ["linux", "macos", "windows"] {
            assert_eq!(opens(false, system, &["DISPLAY"]), None);
            for off in [OFF, "CI", "SSH_CONNECTION"] {
                assert_eq!(opens(true, system, &["DISPLAY", off]), None, "{off}");
            }
        }
    }
}
