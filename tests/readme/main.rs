//! The README and the pages behind it say what the code does: their tables, samples and commands.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use bidgate::cli::Cli;
use bidgate::config::{Config, Listen, ServeArgs};
use bidgate::document::Document;
use bidgate::limits::{CALLERS_MAX, Limits};
use bidgate::metrics::{CATALOG, DroppedEvents, RpcMethod};
use bidgate::policy::Policy;
use bidgate::proto::bid_gate_service_client::BidGateServiceClient;
use bidgate::proto::{DESCRIPTOR_SET, EvaluateRequest, EvaluateResponse};
use bidgate::server::{LivingPolicy, Server, Settings};
use bidgate::verdict::{ErrorCode, GateMode, GateStatus, Reason, Verdict};
use clap::Parser as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;

mod failures;
mod page;

use page::{
    PAGES, anchors, between, blocks, code_words, column, links, root, rows, text, unquoted,
};

mod tests {
    use super::*;

    #[test]
    fn the_first_two_blocks_are_the_two_commands() {
        let shell = blocks("sh");
        assert_eq!(shell[0], "cargo run --release -- demo");
        assert_eq!(shell[1], "tests/all");
        assert!(root().join("tests/all").is_file());
    }

    #[test]
    fn every_command_parses() {
        let mut commands = 0;
        for line in blocks("sh").iter().flat_map(|block| block.lines()) {
            let line = line.split(" #").next().unwrap_or_default();
            let words = line
                .split_whitespace()
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>();
            let arguments = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["bidgate", ..] => &words[1..],
                ["cargo", "run", "--release", "--", ..] => &words[4..],
                _ => continue,
            };
            let parsed = Cli::try_parse_from(["bidgate".to_owned()].iter().chain(arguments));
            parsed.unwrap_or_else(|error| panic!("{line}: {error}"));
            commands += 1;
        }
        assert!(commands >= 7, "only {commands} commands were found");
    }

    #[test]
    fn the_sample_configuration_is_accepted_and_is_the_one_in_examples() {
        let yaml = &blocks("yaml")[0];
        let document = Document::parse(yaml, "README.md").unwrap();
        Config::from_document(document, Path::new("")).unwrap();
        let sample = fs::read_to_string(root().join("examples/config/bidgate.yaml")).unwrap();
        assert_eq!(yaml.trim_end(), sample.trim_end());
    }

    #[test]
    fn the_gates_are_those_of_the_default_policy_in_their_order() {
        assert_eq!(
            column("| gate | the question", 0),
            Policy::default()
                .gate_names()
                .iter()
                .map(|name| &**name)
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_reasons_are_those_there_are() {
        let of_gates = gates().into_iter().map(|row| row[2].clone());
        let named = code_words(&of_gates.collect::<Vec<_>>().join(" "));
        let text = text();
        let paragraph = |beginning: &str| {
            let behind = text.split(beginning).nth(1).unwrap();
            code_words(behind.split("\n\n").next().unwrap())
        };
        let others = ["\nA *note* is", "\nGates of one's own"].map(paragraph);
        let named: BTreeSet<_> = named.into_iter().chain(others.concat()).collect();
        let reasons: BTreeSet<_> = Reason::ALL
            .iter()
            .map(|reason| reason.name().to_owned())
            .collect();
        let no_reasons = BTreeSet::from(["strict".to_owned(), "timeout_ms".to_owned()]);
        assert_eq!(
            named
                .difference(&no_reasons)
                .cloned()
                .collect::<BTreeSet<_>>(),
            reasons
        );
    }

    #[test]
    fn each_gate_has_the_reasons_that_its_auctions_have() {
        for row in gates() {
            let gate = unquoted(&row[0]);
            let mut told: BTreeSet<_> = code_words(&row[2]).into_iter().collect();
            told.remove("strict");
            // Takes a response too large for a fact.
            told.remove("schema_budget");
            assert_eq!(told, reasons_in_auctions(&gate), "{gate}");
        }
    }

    #[test]
    fn every_gate_has_its_page() {
        let pages = fs::read_dir(root().join("docs/gates")).unwrap();
        let pages: BTreeSet<_> = pages
            .map(|page| page.unwrap().path().file_stem().unwrap().to_owned())
            .map(|name| name.into_string().unwrap())
            .collect();
        let told: BTreeSet<_> = gates().iter().map(|row| unquoted(&row[0])).collect();
        let known = Policy::known_gates().map(str::to_owned).collect();
        assert_eq!(told, known);
        let others = ["README", "expression"].map(str::to_owned);
        assert_eq!(
            told.into_iter().chain(others).collect::<BTreeSet<_>>(),
            pages
        );
    }

    #[test]
    fn the_options_are_those_of_the_policy_with_their_defaults() {
        let mut gate = "";
        let mut options = Vec::new();
        let yaml = Policy::default().effective().to_yaml();
        let gates = yaml.lines().take_while(|line| *line != "overrides: []");
        for (key, value) in gates.filter_map(|line| line.trim().split_once(": ")) {
            match key.strip_prefix("- ") {
                Some(_name) => gate = value,
                None if gate.is_empty() => {}
                None if key == "mode" || key == "holdback" => {
                    let of_every_gate = ["every gate", key, value].map(str::to_owned);
                    if !options.contains(&of_every_gate) {
                        options.push(of_every_gate);
                    }
                }
                None => options.push(
                    [gate, key, value.strip_suffix(".0").unwrap_or(value)].map(str::to_owned),
                ),
            }
        }
        let told = rows("| gate | option")
            .into_iter()
            .map(|row| [0, 1, 2].map(|column| unquoted(&row[column])));
        // What is built in has no text in a policy.
        assert_eq!(
            told.filter(|row| row[2] != "built in").collect::<Vec<_>>(),
            options
        );
    }

    #[test]
    fn the_keys_are_those_of_the_configuration_and_their_defaults_those_of_help() {
        let help = <ServeArgs as clap::Args>::augment_args(clap::Command::new("serve"))
            .render_help()
            .to_string();
        let flags = help
            .lines()
            .filter(|line| line.contains("[env: BIDGATE_") && !line.contains("--config"));
        let of_help: Vec<_> = flags
            .map(|line| (between(line, "[env: BIDGATE_"), between(line, "[default: ")))
            .collect();
        let rows = rows("| key | default");
        let told = rows.iter().map(|row| {
            (
                unquoted(&row[0]).replace('.', "_").to_uppercase(),
                row[1].clone(),
            )
        });
        assert_eq!(told.collect::<Vec<_>>(), of_help);
    }

    #[test]
    fn the_verdicts_and_errors_are_those_there_are() {
        let verdicts =
            Verdict::ALL.map(|verdict| format!("VERDICT_{}", verdict.name().to_uppercase()));
        assert_eq!(column("| verdict |", 0), verdicts);
        let passed = ["true", "false", "true", "true", "false"];
        assert_eq!(column("| verdict |", 1), passed);
        assert_eq!(
            column("| `error.code` |", 0),
            ErrorCode::ALL.map(ErrorCode::name)
        );
    }

    #[test]
    fn the_metrics_are_those_of_the_catalog() {
        let families = CATALOG.iter().map(|family| {
            let labels = family.labels.iter().map(|label| format!("`{label}`"));
            let labels = labels.collect::<Vec<_>>().join(", ");
            [
                family.name.to_owned(),
                family.kind.name().to_owned(),
                labels,
            ]
        });
        let told = rows("| metric |").into_iter().map(|row| {
            let [name, kind, labels] = [0, 1, 2].map(|column| row[column].clone());
            [unquoted(&name), kind, labels]
        });
        assert_eq!(told.collect::<Vec<_>>(), families.collect::<Vec<_>>());
    }

    #[test]
    fn the_labels_are_those_of_the_catalog_and_their_values_those_there_are() {
        let table = rows("| label | values");
        let told = table.iter().flat_map(|row| code_words(&row[0]));
        let labels = CATALOG.iter().flat_map(|family| family.labels);
        assert_eq!(
            told.collect::<BTreeSet<_>>(),
            labels.map(ToString::to_string).collect()
        );
        let values: [(&str, Vec<&str>); 5] = [
            ("`verdict`", Verdict::ALL.map(Verdict::name).into()),
            ("`status`", GateStatus::ALL.map(GateStatus::name).into()),
            ("`mode`", GateMode::ALL.map(GateMode::name).into()),
            ("`reason` of an event", dropped_reasons()),
            ("`method`", RpcMethod::ALL.map(RpcMethod::name).into()),
        ];
        for (label, values) in values {
            let row = table.iter().find(|row| row[0] == label).unwrap();
            let told: Vec<_> = row[1].split(", ").map(unquoted).collect();
            assert_eq!(told, values, "{label}");
        }
        assert!(text().contains(&format!("The first {CALLERS_MAX} pairs")));
    }

    #[test]
    fn the_pages_are_those_of_the_admin_port() {
        let source = fs::read_to_string(root().join("src/server/admin.rs")).unwrap();
        let routes = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix("\"/")?.split_once("\" => "));
        let routes = routes.map(|(route, _)| format!("/{route}"));
        let with_log: BTreeSet<_> = routes.chain(["/log".to_owned()]).collect();
        assert_eq!(BTreeSet::from_iter(column("| page |", 0)), with_log);
    }

    #[tokio::test]
    async fn the_call_gets_the_reply_that_is_shown() {
        let [call] = &blocks("sh")
            .into_iter()
            .filter(|block| block.starts_with("grpcurl"))
            .collect::<Vec<_>>()[..]
        else {
            panic!("not one grpcurl call")
        };
        let json = call.split('\'').nth(1).unwrap();
        let request: EvaluateRequest = message("EvaluateRequest", json).transcode_to().unwrap();
        let shown: Value = serde_json::from_str(&blocks("json")[0]).unwrap();
        let reply = Box::pin(judged(request)).await;
        let reply = serde_json::to_value(Reply::of(&reply).0).unwrap();
        assert!(
            contains(&reply, &shown),
            "{reply:#} does not contain {shown:#}"
        );
    }

    #[test]
    fn the_check_prints_what_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("patient.yaml");
        fs::write(&policy, PATIENT).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_bidgate"))
            .args([
                "check",
                "examples/auction/request.json",
                "examples/auction/response.json",
            ])
            .args(["--elapsed-us", "42000", "--policy"])
            .arg(policy)
            .current_dir(root())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let shown = blocks("text")
            .into_iter()
            .find(|block| block.starts_with("FAIL"))
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert_eq!(without_measurements(&printed), without_measurements(&shown));
    }

    #[test]
    fn the_stories_shown_are_those_of_the_demo() {
        let shown = blocks("text")
            .into_iter()
            .find(|block| block.starts_with("VERDICT"))
            .unwrap();
        let stories: Vec<Value> = fs::read_dir(root().join("demo"))
            .unwrap()
            .map(|entry| serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap())
            .collect();
        let mut lines = shown.lines().skip(1).peekable();
        while let Some(line) = lines.next() {
            let (verdict, story) = line.split_at(15);
            let verdict = verdict.trim();
            let told = stories
                .iter()
                .find(|told| told["story"] == story)
                .unwrap_or_else(|| panic!("{story}"));
            assert_eq!(
                told["expect"]["verdict"],
                format!("VERDICT_{verdict}"),
                "{story}"
            );
            if let Some(reason) = lines.next_if(|line| line.starts_with(' ')) {
                let words: Vec<_> = reason.split_whitespace().collect();
                assert_eq!(
                    [&told["expect"]["gate"], &told["expect"]["reason"]],
                    [words[0], words[1]]
                );
            }
        }
    }

    #[test]
    fn every_link_leads_somewhere() {
        for page in PAGES {
            let folder = Path::new(page).parent().unwrap();
            for link in links(page) {
                let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
                let target = folder.join(target);
                assert!(
                    link.starts_with("https://") || root().join(&target).exists(),
                    "{page}: {link}"
                );
                assert!(
                    anchor.is_empty() || anchors(target.to_str().unwrap()).contains(&anchor.into()),
                    "{page}: {link}"
                );
            }
        }
    }
}

fn dropped_reasons() -> Vec<&'static str> {
    let dropped = DroppedEvents::default().by_reason();
    dropped.map(|(reason, _)| reason).into()
}

/// The rows of every gate.
fn gates() -> Vec<Vec<String>> {
    let headings = [
        "| gate | the",
        "| compliance gate | the",
        "| general gate | the",
    ];
    headings.map(rows).concat()
}

/// The reasons with which a gate fails or notes in `tests/auctions`.
fn reasons_in_auctions(gate: &str) -> BTreeSet<String> {
    let mut reasons = BTreeSet::new();
    for file in fs::read_dir(root().join("tests/auctions").join(gate)).unwrap() {
        let auction: Value =
            serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        let (answer, findings) = (&auction["expect"]["gate"], &auction["expect"]["findings"]);
        let failed = (answer["status"] == "failed").then_some(answer);
        let findings = findings.as_array().into_iter().flatten();
        let found = findings
            .chain(failed)
            .filter_map(|found| found["reason"].as_str());
        reasons.extend(found.map(ToOwned::to_owned));
    }
    reasons
}

/// A machine that is busy with other tests is not what any of these is about.
const PATIENT: &str = "timeout_ms: 10000";

/// Judges one call over gRPC, as a bidder would ask.
async fn judged(request: EvaluateRequest) -> EvaluateResponse {
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(Settings {
        listen: vec![Listen::Tcp(loopback)],
        unix_mode: 0o660,
        admin: loopback,
        rest: false,
        max_message_bytes: 1 << 20,
        max_in_flight: 16,
        max_connections: 16,
        workers: 1,
        limits: Limits::default(),
        drain_delay: Duration::ZERO,
        grace: Duration::from_secs(1),
        policy: Arc::new(LivingPolicy::new(
            Policy::from_yaml(PATIENT, "patient").unwrap(),
        )),
        ..Settings::from(Config::default())
    });
    let server = server.unwrap();
    let address = format!("http://{}", server.addresses()[0]);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || server.run(async { drop(stopped.await) }));
    let reply = BidGateServiceClient::connect(address)
        .await
        .unwrap()
        .evaluate(request)
        .await
        .unwrap();
    stop.send(()).unwrap();
    tokio::task::spawn_blocking(|| thread.join().unwrap().unwrap())
        .await
        .unwrap();
    reply.into_inner()
}

/// A reply as proto JSON.
struct Reply(DynamicMessage);

impl Reply {
    fn of(reply: &EvaluateResponse) -> Self {
        let mut message = DynamicMessage::new(descriptor("EvaluateResponse"));
        message.transcode_from(reply).unwrap();
        Self(message)
    }
}

fn message(name: &str, json: &str) -> DynamicMessage {
    DynamicMessage::deserialize(
        descriptor(name),
        &mut serde_json::Deserializer::from_str(json),
    )
    .unwrap()
}

fn descriptor(name: &str) -> prost_reflect::MessageDescriptor {
    let pool = DescriptorPool::decode(DESCRIPTOR_SET).unwrap();
    pool.get_message_by_name(&format!("bidgate.v1.{name}"))
        .unwrap()
}

/// True when everything in `part` is also in `whole`.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => part
            .iter()
            .all(|(key, part)| whole.get(key).is_some_and(|whole| contains(whole, part))),
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len()
                && whole
                    .iter()
                    .zip(part)
                    .all(|(whole, part)| contains(whole, part))
        }
        _ => whole == part,
    }
}

/// Words alone, `#` in place of those that differ from run to run.
fn without_measurements(text: &str) -> Vec<String> {
    let mut lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for words in &mut lines {
        if let Some(policy) = words.iter().position(|word| *word == "policy") {
            words.truncate(policy);
        }
        if words
            .last()
            .is_some_and(|word| word.contains('.') && word.parse::<f64>().is_ok())
        {
            words.pop();
        }
    }
    lines.into_iter().map(|words| words.join(" ")).collect()
}
