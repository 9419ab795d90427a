//! Room for connections among the files that a process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open files, as far as the system lets it, so that `connections` fit beside everything else.
/// Returns how many of them fit: a connection too many is closed at once, where a file too few would keep the admin
/// pages from answering and have a healthy sidecar restarted.
pub(super) fn make_room(connections: usize) -> usize {
    raise(
        u64::try_from(connections)
            .unwrap_or(u64::MAX)
            .saturating_add(OTHER_FILES),
    );
    let fit = getrlimit(Resource::Nofile)
        .current
        .map_or(connections, |files| fitting(files, connections));
    if fit < connections {
        tracing::warn!(
            wanted = connections,
            fit,
            "fewer connections than configured: raise the limit on open files"
        );
    }
    fit
}

fn raise(wanted: u64) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let allowed = maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if current.is_none_or(|current| current >= allowed) {
        return;
    }
    let raised = Rlimit {
        current: Some(allowed),
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "cannot raise the limit on open files");
    }
}

/// What remains for connections, or half of very few files.
fn fitting(files: u64, connections: usize) -> usize {
    let fit = files.saturating_sub(OTHER_FILES).max(files / 2);
    usize::try_from(fit).unwrap_or(usize::MAX).min(connections)
}

/// Listeners, the runtimes' own, 64 admin connections, logs and files read at start, with room to spare.
const OTHER_FILES: u64 = 128;

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn connections_leave_files_for_the_rest() {
        assert_eq!(fitting(20_000, 4096), 4096);
        assert_eq!(fitting(1024, 4096), 896);
        assert_eq!(fitting(60, 4096), 30);
    }
}
