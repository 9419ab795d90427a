//! What the process holds in memory stays there.

/// Keeps the kernel from writing what the process holds to a core file, or handing it to a program: it holds payloads,
/// and they leave in replies only (spec: telemetry §1). Debuggers and profilers of other users are kept out as well.
pub fn forbid_core_dumps() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "cannot forbid core dumps: a crash may leave payloads on a disk");
    }
}
