//! Recorded traffic: by all cores, compressed, cut short, and by two policies.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

use flate2::Compression;
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::said::{Pair, Said, bidgate, ndjson, without_measurements};

const STORIES: [&str; 4] = [
    "01_clean_display_bid",
    "02_unknown_impid",
    "09_no_bid",
    "12_one_of_three",
];

/// Files of a test, gone with it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.into_os_string().into_string().unwrap()
    }
}

fn replay(args: &[&str]) -> Said {
    Said::of(bidgate(&[&["replay"], args].concat()))
}

/// Every story many times over, each line with a name of its own: more than one batch for each of four lanes.
fn traffic() -> String {
    let stories = STORIES.map(|name| serde_json::from_str::<Value>(&ndjson(name)).unwrap());
    let mut lines = String::new();
    for number in 0..800 {
        let mut line = stories[number % stories.len()].clone();
        line["name"] = json!(number.to_string());
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    assert!(lines.len() > 8 << 16, "only {} bytes", lines.len());
    lines
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
}

fn json_lines(out: &str) -> Vec<Value> {
    out.lines().map(lasting).collect()
}

/// A reply without what differs from run to run.
fn lasting(line: &str) -> Value {
    let mut reply: Value = serde_json::from_str(line).unwrap();
    let fields = reply.as_object_mut().unwrap();
    for measured in ["evaluationId", "timestamp", "totalLatencyMs"] {
        fields.remove(measured);
    }
    for gate in fields["gates"].as_array_mut().unwrap() {
        gate.as_object_mut().unwrap().remove("latencyMs");
    }
    reply
}

/// What is told of counts, without the latencies below them.
fn counts(said: &Said) -> String {
    let told = without_measurements(&said.out);
    told.split("LATENCY").next().unwrap().to_owned()
}

mod tests {
    use super::*;

    #[test]
    fn results_are_in_file_order_and_the_same_as_one_by_one_whatever_the_jobs() {
        let folder = Folder::new();
        let file = folder.write("traffic.ndjson", traffic());
        let [one, four] = ["1", "4"].map(|jobs| {
            let said = replay(&[&file, "--json", "--jobs", jobs]);
            assert_eq!((said.code(), said.err.as_str()), (0, ""));
            json_lines(&said.out)
        });
        assert_eq!(one, four);
        let checked = STORIES.map(|story| {
            let said = Pair::bundled(story).check(&["--json", "--agent-id", "replay"]);
            lasting(&said.out)
        });
        assert_eq!(four.len(), 800);
        for (number, mut reply) in four.into_iter().enumerate() {
            let name = reply.as_object_mut().unwrap().remove("name");
            assert_eq!(name, Some(json!(number.to_string())));
            assert_eq!(reply, checked[number % checked.len()]);
        }
        let [one, four] = ["1", "4"].map(|jobs| counts(&replay(&[&file, "--jobs", jobs])));
        assert_eq!(one, four);
        assert!(one.contains("FAIL 400 50.0%"), "{one}");
    }

    #[test]
    fn a_file_is_read_as_it_is_compressed_whatever_its_name() {
        let (folder, text) = (Folder::new(), traffic());
        let plain = counts(&replay(&[&folder.write("plain", &text)]));
        let (start, rest) = text.split_at(text.len() / 2);
        let compressed = [
            gzip(&text),
            [gzip(start), gzip(rest)].concat(),
            zstd(&text),
            [zstd(start), zstd(rest)].concat(),
        ];
        for bytes in compressed {
            let said = replay(&[&folder.write("traffic.txt", &bytes)]);
            assert_eq!((said.code(), said.err.as_str()), (0, ""));
            assert_eq!(counts(&said), plain);
            assert_eq!(counts(&Said::with_input(&["replay", "-"], &bytes)), plain);
        }
    }

    #[test]
    fn a_file_of_the_reference_implementation_of_zstd_is_read() {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cli/stories.ndjson.zst");
        let said = replay(&[file.to_str().unwrap()]);
        assert_eq!((said.code(), said.err.as_str()), (0, ""));
        let told = counts(&said);
        assert!(
            told.contains("PASS 1 25.0%\nFAIL 2 50.0%\nNO BID 1 25.0%\n"),
            "{told}"
        );
    }

    #[test]
    fn of_a_file_that_is_cut_or_corrupt_the_lines_before_count_and_the_place_is_told() {
        let (folder, text) = (Folder::new(), traffic());
        let whole = counts(&replay(&[&folder.write("plain", &text)]));
        for (format, bytes) in [("gzip", gzip(&text)), ("zstd", zstd(&text))] {
            let file = folder.write("cut", &bytes[..bytes.len() / 2]);
            let said = replay(&[&file]);
            assert_eq!(said.code(), 2);
            let (place, told) = said.err.split_once(": byte ").unwrap();
            let line: usize = place.rsplit(':').next().unwrap().parse().unwrap();
            assert!(
                told.contains(&format!("the {format} stream ends too early")),
                "{told}"
            );
            assert!((2..800).contains(&line), "{}", said.err);
            let lines = folder.write("lines", first_lines(&text, line - 1));
            assert_eq!(counts(&said), counts(&replay(&[&lines])));
            assert!(said.out.contains("could not be read to its end"));

            let mut corrupt = bytes;
            let last = corrupt.len() - 1;
            corrupt[last - 2] ^= 1;
            let said = replay(&[&folder.write("corrupt", &corrupt)]);
            assert_eq!(said.code(), 2);
            let told = format!("the {format} stream is corrupt");
            assert!(said.err.contains(&told), "{}", said.err);
            assert!(counts(&said).starts_with(whole.lines().next().unwrap()));
        }
    }

    fn first_lines(text: &str, count: usize) -> String {
        text.split_inclusive('\n').take(count).collect()
    }

    #[test]
    fn a_reader_who_has_gone_ends_it_quietly() {
        let folder = Folder::new();
        let file = folder.write("traffic.ndjson", traffic());
        let mut command = bidgate(&["replay", "--json", "--jobs", "3", &file]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        assert_eq!(lasting(&first)["name"], "0");
        let mut err = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        child.wait().unwrap();
        assert_eq!(err, "");
    }

    #[test]
    fn a_line_says_how_late_the_auction_was() {
        let mut line: Value = serde_json::from_str(&ndjson("01_clean_display_bid")).unwrap();
        line["elapsed_us"] = json!(79_000);
        line["tmax_ms"] = json!(80);
        line["started_at_unix_us"] = json!(1);
        let late = Said::with_input(&["replay", "-"], line.to_string().as_bytes());
        assert!(counts(&late).contains("NOT EVALUATED 1 100.0%"));
        line["elapsed_us"] = json!(1000);
        let said = Said::with_input(&["replay", "-"], line.to_string().as_bytes());
        assert!(counts(&said).contains("PASS 1 100.0%"));
    }

    #[test]
    fn against_another_policy_tells_what_changes_and_why() {
        let folder = Folder::new();
        let file = folder.write("traffic.ndjson", traffic());
        let before = folder.write("before.yaml", "gates: [ { name: impidMatch } ]\n");
        let after = folder.write("after.yaml", "gates: [ { name: adomainVerify } ]\n");
        let tried = |args: &[&str]| {
            let args = [&[&*file, "--policy", &before, "--against", &after], args].concat();
            replay(&args)
        };
        let said = tried(&["--examples", "1"]);
        assert_eq!((said.code(), said.err.as_str()), (1, ""));
        let expected = "\
400 of 800 auctions change: 400 their verdict, 0 only which bids are rejected or why

BEFORE / AFTER PASS FAIL NO BID NOT EVALUATED ERROR
PASS 200 200 0 0 0
FAIL 200 0 0 0 0
NO BID 0 0 200 0 0

EFFECT GATE REASON AUCTIONS BIDS
rejected adomainVerify adomain_ip_address 200 200
rejected adomainVerify adomain_placeholder 200 200
let through impidMatch impid_unknown 200 200

EXAMPLE LINE NAME BID EFFECT GATE REASON DETAIL
PASS -> FAIL 4 3 0/1 rejected adomainVerify adomain_placeholder example.com
1/0 rejected adomainVerify adomain_ip_address 10.0.0.7
FAIL -> PASS 2 1 0/0 let through impidMatch impid_unknown 3
";
        assert_eq!(without_measurements(&said.out), expected);
        let [one, four] = ["1", "4"].map(|jobs| tried(&["--jobs", jobs]).out);
        assert_eq!(one, four);

        let said = tried(&["--json"]);
        assert_eq!(said.code(), 1);
        let lines: Vec<Value> = said
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 401);
        let first = &lines[0];
        assert_eq!(
            [&first["name"], &first["line"], &first["change"]],
            [&json!("1"), &json!(2), &json!("verdict")]
        );
        assert_eq!(first["before"]["verdict"], "VERDICT_FAIL");
        assert_eq!(first["after"]["verdict"], "VERDICT_PASS");
        let summary = &lines[400]["summary"];
        assert_eq!(summary["changedVerdict"], 400);
        assert_eq!(summary["reasons"][2]["effect"], "letThrough");
    }

    #[test]
    fn against_the_same_policy_nothing_changes() {
        let folder = Folder::new();
        let file = folder.write("traffic.ndjson", traffic());
        let same = folder.write("same.yaml", "fail_fast: true\n");
        let said = replay(&[&file, "--against", &same]);
        assert_eq!(said.code(), 0);
        assert!(
            said.out.starts_with("0 of 800 auctions change"),
            "{}",
            said.out
        );
        assert!(!said.out.contains("EFFECT"), "{}", said.out);
    }

    #[test]
    fn against_a_policy_that_warns_tells_what_it_would_reject() {
        let folder = Folder::new();
        let file = folder.write("traffic.ndjson", traffic());
        let gates = |mode: &str| {
            let text = format!("gates: [ {{ name: adomainVerify, mode: {mode} }} ]\n");
            folder.write(&format!("{mode}.yaml"), text)
        };
        let (off, warn, enforce) = (gates("off"), gates("warn"), gates("enforce"));
        let tried =
            |before: &str, after: &str| replay(&[&file, "--policy", before, "--against", after]);
        let said = tried(&off, &warn);
        assert_eq!(said.code(), 0);
        let told = without_measurements(&said.out);
        assert!(
            told.contains("would reject adomainVerify adomain_placeholder 200 200\n"),
            "{told}"
        );
        let told = without_measurements(&tried(&warn, &enforce).out);
        assert!(told.contains("\nrejected adomainVerify adomain_placeholder 200 200\n"));
        assert!(!told.contains("would reject"), "{told}");
        let told = without_measurements(&tried(&warn, &warn).out);
        assert!(!told.contains("would reject"), "{told}");
    }

    #[test]
    fn against_tells_an_unusable_line_by_its_exit_code_too() {
        let folder = Folder::new();
        let policy = folder.write("policy.yaml", "gates: [ { name: impidMatch } ]\n");
        let said = Said::with_input(&["replay", "-", "--against", &policy], b"{}\n");
        assert_eq!(said.code(), 2);
        assert!(said.err.starts_with("standard input:1: "), "{}", said.err);
        let wrong = folder.write("wrong.yaml", "gates: [ { name: nobody } ]\n");
        let said = Said::with_input(&["replay", "-", "--against", &wrong], b"");
        assert_eq!(said.code(), 2);
        assert!(said.err.contains("wrong.yaml"), "{}", said.err);
    }

    #[test]
    fn what_the_documentation_shows_of_two_policies_is_printed() {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let page = fs::read_to_string(root.join("docs/policy.md")).unwrap();
        let shown = page
            .split("```text\n")
            .find(|block| block.contains("auctions change"));
        let shown = shown.unwrap().split("```").next().unwrap();
        let mut command = bidgate(&["replay", "examples/auction/traffic.ndjson"]);
        command.args(["--against", "examples/config/rollout.yaml"]);
        command.args(["--examples", "1"]).current_dir(root);
        let said = Said::of(command);
        assert_eq!((said.code(), said.err.as_str()), (1, ""));
        assert_eq!(said.out, shown);
    }
}
