//! What the process takes of the machine's memory.

use crate::process::Process;

#[test]
fn no_memory_is_taken_in_huge_pages() {
    assert_eq!(Process::start().status("THP_enabled:"), "0");
}
