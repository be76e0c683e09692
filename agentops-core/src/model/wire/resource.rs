//! Who recorded, as an OTLP `Resource`.
//!
//! Comes once per spool file and once per request. Attributes that the record has no field for are handed back
//! beside it.

use serde_json::{Map, Value};

use super::WireError;
use super::proto::any;
use super::put::Pairs;
use super::value::{pairs, text, unsigned};
use crate::model::event::Resource;
use crate::model::semconv;
use crate::model::session::Host;

/// Encodes a resource.
#[must_use]
pub fn encode_resource(resource: &Resource) -> Vec<u8> {
    let mut bytes = Vec::new();
    let host = &resource.host;
    // What recorded goes by a name and a version here, and by both in one word in the record.
    let (sdk, sdk_version) = match host
        .sdk
        .as_deref()
        .map(|sdk| sdk.rsplit_once('/').ok_or(sdk))
    {
        Some(Ok((name, version))) => (Some(name), Some(version)),
        Some(Err(name)) => (Some(name), None),
        None => (None, None),
    };
    let language = sdk
        .is_some_and(|name| name.ends_with("-rust"))
        .then_some("rust");
    let texts = [
        (semconv::SERVICE_NAME, Some(resource.service.as_str())),
        (
            semconv::PROJECT,
            Some(resource.project.as_str()).filter(|project| !project.is_empty()),
        ),
        (
            semconv::SERVICE_VERSION,
            resource.service_version.as_deref(),
        ),
        (semconv::OS_TYPE, host.os.as_deref()),
        (semconv::HOST_ARCH, host.arch.as_deref()),
        (semconv::HOST_NAME, host.hostname.as_deref()),
        (semconv::RUSTC, host.rustc.as_deref()),
        (semconv::SDK_NAME, sdk),
        (semconv::SDK_VERSION, sdk_version),
        (semconv::SDK_LANGUAGE, language),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            Pairs::LIST.str(&mut bytes, key, text);
        }
    }
    let numbers = [
        (semconv::PROCESS_PID, resource.pid),
        (semconv::HOST_CPU_COUNT, host.cpu_count),
        (semconv::HOST_MEMORY, host.memory_total_bytes),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            Pairs::LIST.u64(&mut bytes, key, number);
        }
    }
    bytes
}

/// Decodes a resource.
///
/// # Errors
///
/// Where the bytes are no protobuf.
pub fn decode_resource(bytes: &[u8]) -> Result<Resource, WireError> {
    Ok(decode(bytes)?.0)
}

/// The same, and the attributes that have no field.
pub(super) fn decode(bytes: &[u8]) -> Result<(Resource, Map<String, Value>), WireError> {
    let mut pairs = pairs(bytes, any::VALUES)?;
    let mut take = |key: &str| pairs.remove(key).and_then(|value| text(value).ok());
    let sdk = match (take(semconv::SDK_NAME), take(semconv::SDK_VERSION)) {
        (Some(name), Some(version)) => Some(format!("{name}/{version}")),
        (name, _) => name,
    };
    let mut resource = Resource {
        service: take(semconv::SERVICE_NAME).unwrap_or_default(),
        project: take(semconv::PROJECT).unwrap_or_default(),
        service_version: take(semconv::SERVICE_VERSION),
        pid: None,
        host: Host {
            os: take(semconv::OS_TYPE),
            arch: take(semconv::HOST_ARCH),
            hostname: take(semconv::HOST_NAME),
            rustc: take(semconv::RUSTC),
            sdk,
            ..Host::default()
        },
    };
    let mut take = |key: &str| pairs.remove(key).and_then(|value| unsigned(value).ok());
    resource.pid = take(semconv::PROCESS_PID);
    resource.host.cpu_count = take(semconv::HOST_CPU_COUNT);
    resource.host.memory_total_bytes = take(semconv::HOST_MEMORY);
    pairs.remove(semconv::SDK_LANGUAGE);
    Ok((resource, pairs))
}
