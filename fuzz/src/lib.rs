//! What fuzz targets need: the facts of `tests/facts`, with the oracle and the generator that they are held against.
#[path = "../../tests/facts/mod.rs"]
mod facts;
#[path = "../../tests/generate/mod.rs"]
mod generate;
#[path = "../../tests/left/mod.rs"]
mod left;
#[path = "../../tests/oracle/mod.rs"]
mod oracle;
#[expect(dead_code, reason = "tests use more of it")]
#[path = "../../tests/support/mod.rs"]
mod support;

use std::env;
use std::path::Path;
use std::sync::Once;

/// Holds bytes to the fact that the target is called as.
pub fn hold(target: &str, bytes: &[u8]) {
    static AT_ROOT: Once = Once::new();
    // Policies name files from there.
    AT_ROOT.call_once(|| {
        env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
    });
    facts::hold(target, bytes);
}
