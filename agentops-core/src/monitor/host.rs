//! The machine and the process, as far as the standard library and `/proc` tell.
//!
//! One place for what differs by platform. Compiled and run on Linux only so far; elsewhere what is not known is
//! left out.

use std::thread;

use crate::model::session::Host;

/// Version of this SDK, as sessions carry it.
pub(crate) const SDK: &str = concat!("agentops-rust/", env!("CARGO_PKG_VERSION"));

/// What is known of the host.
pub(crate) fn host() -> Host {
    Host {
        os: Some(std::env::consts::OS.into()),
        arch: Some(std::env::consts::ARCH.into()),
        hostname: hostname(),
        cpu_count: thread::available_parallelism()
            .ok()
            .map(|count| count.get() as u64),
        memory_total_bytes: memory_total(),
        rustc: option_env!("AGENTOPS_RUSTC_VERSION").map(Into::into),
        sdk: Some(SDK.into()),
    }
}

/// What remains where the host is not to be told: only what names nobody.
pub(crate) fn anonymous() -> Host {
    Host {
        sdk: Some(SDK.into()),
        ..Host::default()
    }
}

#[cfg(target_os = "linux")]
fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().into())
}

#[cfg(not(target_os = "linux"))]
fn hostname() -> Option<String> {
    let name = std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME"));
    name.ok().filter(|name| !name.is_empty())
}

#[cfg(target_os = "linux")]
fn memory_total() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(not(target_os = "linux"))]
fn memory_total() -> Option<u64> {
    None
}

/// CPU time of the process in nanoseconds, and memory that it holds in bytes.
#[cfg(target_os = "linux")]
pub(crate) fn usage() -> (Option<u64>, Option<u64>) {
    // Fields 14 and 15 after the name in brackets: user and system time of all threads, in ticks of 10 ms.
    let stat = std::fs::read_to_string("/proc/self/stat").ok();
    let cpu = stat.and_then(|text| {
        let mut fields = text.rsplit_once(") ")?.1.split(' ').skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        Some((ticks()? + ticks()?) * 10_000_000)
    });
    let memory = std::fs::read_to_string("/proc/self/status").ok();
    let memory = memory.and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    });
    (cpu, memory)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn usage() -> (Option<u64>, Option<u64>) {
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_says_who_recorded() {
        assert_eq!(host().sdk.as_deref(), Some(SDK));
        assert_eq!(anonymous().hostname, None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_tells_all_of_it() {
        let host = host();
        assert!(host.hostname.is_some() && host.memory_total_bytes > Some(1 << 20));
        assert!(usage().1 > Some(1 << 16));
    }
}
