//! Policies that change while the sidecar runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bidgate::config::Listen;
use bidgate::policy::Policy;
use bidgate::proto::{EvaluateRequest, EvaluateResponse, Verdict};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::process::Process;
use crate::running::{Client, PATIENCE, admin_page, connect, request, stream};

/// Two policies that judge [`bid_of_two`] differently.
const LENIENT: &str = "{timeout_ms: 10000, gates: [{name: bidSanity, max_price: 3}]}";
const STRICT: &str = "{timeout_ms: 10000, gates: [{name: bidSanity, max_price: 1}]}";

fn bid_of_two(correlation_id: u64) -> EvaluateRequest {
    EvaluateRequest {
        bid_response: br#"{"seatbid":[{"bid":[{"impid":"1","price":2}]}]}"#.as_slice().into(),
        ..request(correlation_id)
    }
}

fn version(policy: &str) -> String {
    Policy::from_yaml(policy, "t").unwrap().version().to_owned()
}

#[tokio::test]
async fn a_thousand_swaps_under_load_lose_no_call_and_mix_no_answer() {
    let folder = PolicyFolder::new(LENIENT);
    let process = folder.serve();
    let address = Listen::Tcp(process.address);
    let done = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for _ in 0..3 {
        callers.push(call(connect(&address).await, Arc::clone(&done)));
        callers.push(call_on_a_stream(connect(&address).await, Arc::clone(&done)));
    }
    let (process, swapped) = tokio::task::spawn_blocking(move || {
        let swaps = (0..1000).map(|swap| if swap % 2 == 0 { STRICT } else { LENIENT });
        for policy in swaps {
            folder.replace(policy);
            process.signal("-HUP");
            wait_for_version(&process, policy);
        }
        let swapped = metric(&process, "bidgate_policy_reloads_total{outcome=\"loaded\"}");
        (process, swapped)
    })
    .await
    .unwrap();
    done.store(true, Ordering::Relaxed);
    let mut answers = Answers::default();
    for caller in callers {
        let Answers { lenient, strict } = caller.await.unwrap();
        answers.lenient += lenient;
        answers.strict += strict;
    }
    assert!(swapped >= 1000.0, "{swapped}");
    assert!(answers.lenient > 100 && answers.strict > 100, "{answers:?}");
    let counted = metric(&process, "bidgate_evaluation_seconds_count");
    assert!((counted - f64::from(answers.lenient + answers.strict)).abs() < 0.5);
    process.signal("-TERM");
    assert_eq!(process.ended().0, "Completely");
}

/// Replies by the policy that gave them.
#[derive(Debug, Default)]
struct Answers {
    lenient: u32,
    strict: u32,
}

impl Answers {
    /// Counts a reply that is what the policy it names says of [`bid_of_two`].
    fn count(&mut self, reply: &EvaluateResponse) {
        if reply.policy_version == version(LENIENT) {
            assert_eq!(reply.verdict(), Verdict::Pass, "{reply:?}");
            self.lenient += 1;
        } else {
            assert_eq!(reply.policy_version, version(STRICT));
            assert_eq!(reply.verdict(), Verdict::Fail, "{reply:?}");
            assert_eq!(reply.gates[0].reason, "price_above_cap");
            self.strict += 1;
        }
    }
}

fn call(mut client: Client, done: Arc<AtomicBool>) -> JoinHandle<Answers> {
    tokio::spawn(async move {
        let mut answers = Answers::default();
        while !done.load(Ordering::Relaxed) {
            let reply = client.evaluate(bid_of_two(1)).await;
            answers.count(&reply.unwrap().into_inner());
        }
        answers
    })
}

/// Keeps a few calls under way on one stream.
fn call_on_a_stream(mut client: Client, done: Arc<AtomicBool>) -> JoinHandle<Answers> {
    tokio::spawn(async move {
        let mut answers = Answers::default();
        let (calls, mut replies) = stream(&mut client).await;
        for correlation_id in 0..8 {
            calls.send(bid_of_two(correlation_id)).await.unwrap();
        }
        while !done.load(Ordering::Relaxed) {
            answers.count(&replies.message().await.unwrap().unwrap());
            calls.send(bid_of_two(9)).await.unwrap();
        }
        drop(calls);
        while let Some(reply) = replies.message().await.unwrap() {
            answers.count(&reply);
        }
        answers
    })
}

#[test]
fn links_that_are_swapped_are_followed() {
    // As the kubelet does it: the file is a link through ..data, which is renamed over.
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    let publish = |generation: &str, policy: &str| {
        fs::create_dir(root.join(generation)).unwrap();
        fs::write(root.join(generation).join("policy.yaml"), policy).unwrap();
        symlink(generation, root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    };
    publish("..1", LENIENT);
    symlink("..data/policy.yaml", root.join("policy.yaml")).unwrap();
    let process = serve(&root.join("policy.yaml"));
    wait_for_version(&process, LENIENT);
    publish("..2", STRICT);
    fs::remove_dir_all(root.join("..1")).unwrap();
    wait_for_version(&process, STRICT);
    assert_eq!(
        metric(&process, "bidgate_policy_reloads_total{outcome=\"loaded\"}").to_string(),
        "1"
    );
    process.signal("-TERM");
    assert_eq!(process.ended().0, "Completely");
}

#[test]
fn a_file_that_is_no_policy_leaves_the_last_good_one() {
    let folder = PolicyFolder::new(LENIENT);
    let process = folder.serve();
    let bad = [
        (
            "gates: [{name: bidSanity, max_prise: 1}]",
            "did you mean `max_price`?",
        ),
        ("{timeout_ms: 10000, gates: [{name: bidSa", "is not YAML"),
        ("# nothing yet\n", "is empty"),
    ];
    for (text, problem) in bad {
        folder.replace(text);
        assert_refused(&process, problem);
    }
    fs::remove_file(folder.file()).unwrap();
    assert_refused(&process, "cannot read the file");
    folder.replace(STRICT);
    wait_for_version(&process, STRICT);
    assert_eq!(
        admin_page(process.admin, "GET /health/ready").1,
        r#"{"status":"ready"}"#
    );
    assert_eq!(
        metric(&process, "bidgate_policy_file_accepted").to_string(),
        "1"
    );
    process.signal("-TERM");
    assert_eq!(process.ended().0, "Completely");
}

/// Waits for a problem to be shown, and sees that the lenient policy judges on.
fn assert_refused(process: &Process, problem: &str) {
    let page = |line: &str| admin_page(process.admin, line);
    wait_until(|| page("GET /policy").1.contains(problem));
    let (_, policy) = page("GET /policy");
    let judging = Policy::from_yaml(&policy, "page").unwrap();
    assert_eq!(judging.version(), version(LENIENT), "{policy}");
    let (head, ready) = page("GET /health/ready");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready["status"], "ready");
    assert_eq!(ready["policy"]["policy_version"], version(LENIENT));
    let told = ready["policy"]["problems"][0].as_str().unwrap();
    assert!(told.contains(problem), "{told}");
    assert_eq!(
        metric(process, "bidgate_policy_file_accepted").to_string(),
        "0"
    );
    assert!(metric(process, "bidgate_policy_reloads_total{outcome=\"refused\"}") >= 1.0);
}

#[test]
fn a_sighup_without_a_file_ends_nothing() {
    let process = Process::start();
    process.signal("-HUP");
    wait_until(|| metric(&process, "bidgate_policy_reloads_total{outcome=\"loaded\"}") >= 1.0);
    process.signal("-TERM");
    assert_eq!(process.ended().0, "Completely");
}

#[test]
fn settings_that_wait_for_a_restart_are_named() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("bidgate.yaml");
    fs::write(&file, format!("policy: {LENIENT}")).unwrap();
    let process = Process::start_with("true", &["--config", file.to_str().unwrap()]);
    let changed = format!("policy: {STRICT}\nworkers: 1\nlimits: {{bids: 7}}\n");
    fs::write(&file, changed).unwrap();
    process.signal("-HUP");
    let keys = process.logged("these settings have changed and wait for a restart", "keys");
    assert_eq!(keys, "workers, limits.bids");
    wait_for_version(&process, STRICT);
    process.signal("-TERM");
    assert_eq!(process.ended().0, "Completely");
}

/// A folder with a policy that is replaced by renaming, as editors do.
struct PolicyFolder(TempDir);

impl PolicyFolder {
    fn new(policy: &str) -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.replace(policy);
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("policy.yaml")
    }

    fn replace(&self, policy: &str) {
        let written = self.0.path().join("policy.yaml.new");
        fs::write(&written, policy).unwrap();
        fs::rename(written, self.file()).unwrap();
    }

    fn serve(&self) -> Process {
        serve(&self.file())
    }
}

fn serve(policy: &Path) -> Process {
    Process::start_with("true", &["--policy-file", policy.to_str().unwrap()])
}

fn wait_for_version(process: &Process, policy: &str) {
    let named = format!("\"policy_version\":\"{}\"", version(policy));
    wait_until(|| {
        admin_page(process.admin, "GET /health/info")
            .1
            .contains(&named)
    });
}

fn wait_until(holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn metric(process: &Process, sample: &str) -> f64 {
    let (_, page) = admin_page(process.admin, "GET /metrics");
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap().parse().unwrap()
}
