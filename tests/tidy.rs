//! What no other tool holds: who imports whom, words, lengths, and a reason for every dependency and sample.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules from the ground up, each with those it may import and does. A module stands above all that it imports,
/// so there is no cycle; [`super`] and a module's own parts do not count, nor do unit tests.
#[rustfmt::skip]
const LAYERS: &[(&str, &[&str])] = &[
    // The engine: no socket, clock, lock, log or runtime.
    ("limits",   &[]),
    ("call",     &[]),
    ("document", &["limits"]),
    ("openrtb",  &["limits"]),
    ("verdict",  &["openrtb"]),
    ("automaton", &["limits"]),
    ("schema",   &["limits", "openrtb", "automaton"]),
    ("auction",  &["call", "openrtb"]),
    ("gate",     &["limits", "call", "document", "openrtb", "verdict", "automaton", "schema", "auction"]),
    ("policy",   &["limits", "document", "openrtb", "verdict", "gate"]),
    ("evaluate", &["limits", "call", "openrtb", "verdict", "auction", "gate", "policy"]),
    // Around it: bytes, counters and settings.
    ("wire",     &["limits", "call", "openrtb", "verdict", "policy", "evaluate"]),
    ("sync",     &[]),
    ("callers",  &["limits", "sync"]),
    ("metrics",  &["sync", "callers", "verdict", "policy", "evaluate"]),
    ("config",   &["limits", "document", "policy"]),
    ("background", &[]),
    ("log",      &["background", "config"]),
    ("rotation", &[]),
    ("audit",    &["policy", "background", "config", "rotation"]),
    ("proto",    &[]),
    ("reply_json", &["proto"]),
    ("tls",      &[]),
    ("telemetry", &["limits", "sync", "callers", "verdict", "policy", "evaluate", "wire", "background", "rotation", "audit", "metrics", "config", "log", "tls"]),
    ("otlp",     &["document", "verdict", "wire", "background", "metrics", "config", "tls", "telemetry"]),
    // The edges. The command line starts the server, and reads files instead of messages.
    ("server",   &["limits", "sync", "document", "verdict", "policy", "evaluate", "wire", "background", "audit", "metrics", "config", "log", "proto", "reply_json", "tls", "telemetry", "otlp"]),
    ("cli",      &["limits", "document", "openrtb", "verdict", "policy", "evaluate", "wire", "config", "audit", "proto", "reply_json", "tls", "otlp", "server"]),
];

/// Crates that touch sockets, threads, logs or the time; the engine does without.
const EDGE_CRATES: &[&str] = &[
    "h2",
    "hyper",
    "tokio",
    "tonic",
    "tower_service",
    "tracing",
    "socket2",
    "std::net",
    "std::thread",
    "std::time",
];
const ENGINE: &[&str] = &[
    "limits",
    "call",
    "document",
    "openrtb",
    "verdict",
    "automaton",
    "schema",
    "auction",
    "gate",
    "policy",
    "evaluate",
];

/// Parts of an evaluation through which a payload can be reached. Metrics and telemetry see the rest.
const PAYLOAD: &[&str] = &[
    ".call.",
    ".call)",
    ".call;",
    ".call,",
    ".texts(",
    ".bids(",
    ".findings",
    "Detail",
];

/// What one thread can make another wait with. A scrape and a worker share counters.
const LOCKS: &[&str] = &["Mutex", "RwLock", "Condvar", "Barrier", "mpsc"];

/// In pieces, so that this file may be read by its own test.
const BANNED: &[&str] = &[
    concat!("rob", "ust"),
    concat!("compre", "hensive"),
    concat!("seam", "less"),
    concat!("blaz", "ing"),
    concat!("no ", "longer"),
    concat!("previ", "ously"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("dbg", "!("),
];

const LINES_MAX: usize = 500;

mod tests {
    use super::*;

    #[test]
    fn modules_import_what_stands_below_them_and_nothing_else() {
        let mut below: Vec<&str> = Vec::new();
        for (module, allowed) in LAYERS {
            for import in *allowed {
                assert!(below.contains(import), "{module} stands below {import}");
            }
            let imports: BTreeSet<String> = module_files(module)
                .iter()
                .flat_map(|file| imports(&file.code()))
                .filter(|import| import != module)
                .collect();
            let allowed: BTreeSet<String> = allowed.iter().map(ToString::to_string).collect();
            assert_eq!(imports, allowed, "imports of {module}");
            below.push(module);
        }
    }

    #[test]
    fn every_module_has_its_layer() {
        let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
        let modules: BTreeSet<&str> = lib
            .lines()
            .map(|line| line.trim_start_matches("pub "))
            .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
            .collect();
        let layers: BTreeSet<&str> = LAYERS.iter().map(|(module, _)| *module).collect();
        assert_eq!(modules, layers);
    }

    #[test]
    fn the_engine_has_no_socket_thread_log_or_clock() {
        for file in ENGINE.iter().flat_map(|module| module_files(module)) {
            for line in file.code().lines() {
                for edge in EDGE_CRATES {
                    assert!(!line.contains(&format!("{edge}::")), "{file}: {line}");
                }
            }
        }
    }

    #[test]
    fn what_counts_and_records_evaluations_takes_no_lock() {
        let worker_side = ["pen.rs", "record.rs", "ring.rs"];
        let telemetry = module_files("telemetry").into_iter();
        let telemetry =
            telemetry.filter(|file| worker_side.iter().any(|name| file.path.ends_with(name)));
        let counting = ["metrics", "callers"].into_iter().flat_map(module_files);
        for file in counting.chain(telemetry) {
            for lock in LOCKS {
                assert!(!file.code().contains(lock), "{file} has a {lock}");
            }
        }
    }

    #[test]
    fn metrics_and_telemetry_see_no_payload() {
        for file in ["metrics", "telemetry"].into_iter().flat_map(module_files) {
            for way in PAYLOAD {
                assert!(!file.code().contains(way), "{file} reads {way}");
            }
        }
    }

    #[test]
    fn words_that_say_nothing_or_tell_history_are_not_used() {
        for file in texts() {
            for (number, line) in file.text.lines().enumerate() {
                let line_lower = line.to_lowercase();
                for word in BANNED {
                    let used = if word.chars().any(char::is_uppercase) {
                        line.contains(word)
                    } else {
                        line_lower.contains(word)
                    };
                    assert!(!used, "{file}:{}: {word:?}: {line}", number + 1);
                }
            }
        }
    }

    #[test]
    fn no_source_is_longer_than_a_reader_can_hold() {
        for file in texts().iter().filter(|file| file.is("rs") || file.is("py")) {
            let lines = file.text.lines().count();
            let long = lines > LINES_MAX;
            assert!(!long, "{file} has {lines} lines");
        }
    }

    #[test]
    fn an_image_is_built_of_every_member_of_the_workspace() {
        let read = |file| fs::read_to_string(root().join(file)).unwrap();
        let (manifest, admitted) = (read("Cargo.toml"), read(".dockerignore"));
        let members = manifest
            .lines()
            .find(|line| line.starts_with("members = "))
            .unwrap();
        let members: Vec<_> = members
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|member| *member != ".")
            .collect();
        assert!(!members.is_empty());
        for member in members {
            let folder = member.split('/').next().unwrap();
            let line = format!("!{folder}");
            assert!(admitted.lines().any(|admits| admits == line), "{member}");
        }
    }

    #[test]
    fn every_dependency_says_why_it_is_there() {
        let mut dependencies = 0;
        for file in files().iter().filter(|path| path.ends_with("Cargo.toml")) {
            let mut section = String::new();
            for line in fs::read_to_string(file).unwrap().lines() {
                if line.starts_with('[') {
                    line.clone_into(&mut section);
                } else if section.contains("dependencies]") && line.contains('=') {
                    let reason = line
                        .split_once(" # ")
                        .map_or("", |(_, reason)| reason.trim());
                    assert!(reason.len() > 3, "{}: {line}", file.display());
                    dependencies += 1;
                }
            }
        }
        assert!(
            dependencies > 20,
            "only {dependencies} dependencies were found"
        );
    }

    #[test]
    fn every_sample_is_read_by_a_test() {
        // tests/policy_command.rs loads all of the one folder; tests/readme judges the pair in the other; tests/expressions.rs
        // runs one program, and tests/bidders the others.
        for file in files()
            .iter()
            .filter(|path| path.starts_with(root().join("examples")))
        {
            let name = file.strip_prefix(root()).unwrap();
            let tested = name.starts_with("examples/config")
                || name.starts_with("examples/auction")
                || name.ends_with("custom_gate.rs")
                || name.ends_with("bidder.rs")
                || name.starts_with("examples/python");
            assert!(tested, "{} is no test's business", name.display());
        }
    }
}

/// A text file of the project.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn read(path: PathBuf) -> Option<Self> {
        let text = fs::read_to_string(&path).ok()?;
        Some(Self { path, text })
    }

    /// Without comments and without unit tests, which stand last.
    fn code(&self) -> String {
        let lines = self
            .text
            .lines()
            .take_while(|line| !line.starts_with("#[cfg(test)]"));
        lines
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn is(&self, extension: &str) -> bool {
        self.path
            .extension()
            .is_some_and(|found| found == extension)
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}",
            self.path
                .strip_prefix(root())
                .unwrap_or(&self.path)
                .display()
        )
    }
}

/// The modules of the crate that the code names.
fn imports(code: &str) -> Vec<String> {
    let behind = code.split("crate::").skip(1);
    let names = behind.map(|rest| {
        rest.chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
    });
    names
        .map(String::from_iter)
        .filter(|name| !name.is_empty())
        .collect()
}

/// `src/<module>.rs`, or all below `src/<module>/` but modules that are all test.
fn module_files(module: &str) -> Vec<Source> {
    let file = root().join(format!("src/{module}.rs"));
    let folder = root().join(format!("src/{module}"));
    let files: Vec<_> = files()
        .into_iter()
        .filter(|path| *path == file || path.starts_with(&folder) && !path.ends_with("tests.rs"))
        .filter_map(Source::read)
        .collect();
    assert!(!files.is_empty(), "there is no module {module}");
    files
}

/// Everything that people write: code, prose and settings, but no data.
fn texts() -> Vec<Source> {
    let written = ["rs", "md", "toml", "proto", "yaml", "yml", "py", "sh"];
    let mut texts: Vec<_> = files().into_iter().filter_map(Source::read).collect();
    texts.retain(|file| {
        let scripts = ["tests/all", "image/build", "Dockerfile", ".dockerignore"];
        written.iter().any(|extension| file.is(extension))
            || scripts.iter().any(|script| file.path.ends_with(script))
    });
    assert!(texts.len() > 100, "only {} texts were found", texts.len());
    texts
}

/// Every file of the project, without what is built, fetched or hidden.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let hidden = name.as_encoded_bytes().starts_with(b".");
            match entry.file_type().unwrap() {
                kind if kind.is_dir() && !hidden && name != "target" => folders.push(entry.path()),
                kind if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files.sort();
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
