//! What the process holds in memory: where it stays, and how much of it is taken.

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

/// Has memory taken in pages of the usual size. Many systems give 2 MiB to whoever touches a byte of them, which would
/// be more than half of what a sidecar takes (`benches/README.md`).
pub fn take_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "memory may be taken in huge pages");
    }
}
