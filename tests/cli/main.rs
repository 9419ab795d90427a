//! The command line as a person or a script meets it: the real binary, its output and its exit codes.
#![cfg(test)]

#[cfg(test)]
mod explain;
mod replay;
mod said;

use std::fs;

use bidgate::proto::Verdict;
use serde_json::{Value, json};

use said::{Pair, Said, bidgate, ndjson, reply_from_json, without_measurements};

mod tests {
    use super::*;

    #[test]
    fn check_tells_pass_fail_and_error_apart_by_its_exit_code() {
        assert_eq!(Pair::bundled("01_clean_display_bid").check(&[]).code(), 0);
        assert_eq!(Pair::bundled("02_unknown_impid").check(&[]).code(), 1);
        assert_eq!(Pair::bundled("10_malformed_response").check(&[]).code(), 2);
    }

    #[test]
    fn check_passes_a_no_bid_in_each_of_its_forms() {
        assert_eq!(Pair::bundled("09_no_bid").check(&[]).code(), 0);
        assert_eq!(Pair::new(r#"{"id":"r","imp":[]}"#, "").check(&[]).code(), 0);
        let pair = Pair::bundled("01_clean_display_bid");
        let said = Said::of(bidgate(&["check", &pair.request()]));
        assert_eq!((said.code(), said.headline()), (0, "NO BID"));
    }

    #[test]
    fn check_prints_the_verdict_then_gates_then_bids() {
        let said = Pair::bundled("12_one_of_three").check(&["--elapsed-us", "4200"]);
        let expected = "\
FAIL nbr 0 (not every bid was rejected) policy # # us

GATE MODE STATUS REASON LATENCY us
ok tmaxGuard enforce passed #
ok impidMatch enforce passed #
x adomainVerify enforce failed adomain_placeholder #
. bidSanity enforce aborted #
. audienceSafety enforce aborted #
. bcatCompliance enforce aborted #

BID ID IMPID GATE REASON DETAIL LOSS REASON NON-BID
x 0/1 b-1013 2 adomainVerify adomain_placeholder example.com 6 Invalid Advertiser Domain 350 Response Rejected - Invalid Creative
x 1/0 b-1014 2 adomainVerify adomain_ip_address 10.0.0.7 6 Invalid Advertiser Domain 350 Response Rejected - Invalid Creative
";
        assert_eq!(without_measurements(&said.out), expected);
    }

    #[test]
    fn output_that_is_no_terminal_is_plain_ascii() {
        let response = r#"{"seatbid":[{"bid":[{"id":"\u001b[2Jb\u00fc","impid":"none"}]}]}"#;
        let said = Pair::new(r#"{"id":"r","imp":[{"id":"1"}]}"#, response).check(&[]);
        assert!(said.out.contains("impid_unknown"), "{}", said.out);
        assert!(
            said.out
                .bytes()
                .all(|byte| byte == b'\n' || matches!(byte, b' '..=b'~')),
            "{}",
            said.out
        );
    }

    #[test]
    fn check_points_at_the_place_that_does_not_parse() {
        let response = "{\n  \"seatbid\": [}\n}";
        let said = Pair::new(r#"{"id":"r","imp":[{"id":"1"}]}"#, response).check(&[]);
        assert_eq!((said.code(), said.headline()), (2, "ERROR"));
        assert!(
            said.out.contains("malformed_bid_response: "),
            "{}",
            said.out
        );
        assert!(
            said.out.contains("response.json:2:15 (byte 16)\n"),
            "{}",
            said.out
        );
        assert!(
            said.out
                .ends_with("   |   \"seatbid\": [}\n   |               ^\n"),
            "{}",
            said.out
        );
    }

    #[test]
    fn check_takes_one_payload_from_standard_input() {
        let pair = Pair::bundled("02_unknown_impid");
        let response = fs::read(pair.response()).unwrap();
        assert_eq!(
            Said::with_input(&["check", &pair.request(), "-"], &response).code(),
            1
        );
        let twice = Said::with_input(&["check", "-", "-"], b"{}");
        assert_eq!(twice.code(), 2);
        assert!(twice.err.contains("cannot both be `-`"), "{}", twice.err);
    }

    #[test]
    fn check_names_a_file_that_it_cannot_read_and_the_cause() {
        let pair = Pair::bundled("01_clean_display_bid");
        for args in [
            ["check", "nowhere.json", &pair.response()],
            ["check", &pair.request(), "nowhere.json"],
        ] {
            let said = Said::of(bidgate(&args));
            assert_eq!(said.code(), 2);
            assert!(
                said.err.contains("cannot read nowhere.json: No such file"),
                "{}",
                said.err
            );
        }
    }

    #[test]
    fn check_tells_what_is_wrong_with_a_policy_and_where() {
        let pair = Pair::bundled("01_clean_display_bid");
        let policy = pair.write("policy.yaml", "fail_fats: true\n");
        let said = pair.check(&["--policy", &policy]);
        assert_eq!(said.code(), 2);
        assert!(said.err.contains("policy.yaml:1:1"), "{}", said.err);
        assert!(said.err.contains("fail_fats"), "{}", said.err);
    }

    #[test]
    fn check_judges_by_the_policy_it_is_given_bare_or_within_a_configuration() {
        let pair = Pair::bundled("12_one_of_three");
        let bare = pair.write("policy.yaml", "gates: [ { name: impidMatch } ]\n");
        let whole = pair.write(
            "bidgate.yaml",
            "policy: { gates: [ { name: impidMatch } ] }\n",
        );
        assert_eq!(pair.check(&["--policy", &bare]).code(), 0);
        assert_eq!(pair.check(&["--policy", &whole]).code(), 0);
    }

    #[test]
    fn check_says_what_a_gate_that_warns_has_found() {
        let pair = Pair::bundled("02_unknown_impid");
        let policy = pair.write(
            "policy.yaml",
            "gates: [ { name: impidMatch, mode: warn } ]\n",
        );
        let said = pair.check(&["--policy", &policy]);
        assert_eq!((said.code(), said.headline()), (0, "PASS"));
        let told = without_measurements(&said.out);
        assert!(
            told.contains("\n! impidMatch warn failed impid_unknown #\n"),
            "{told}"
        );
        let said = pair.check(&["--json", "--policy", &policy]);
        let reply: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(
            (&reply["gates"][0]["mode"], &reply["gates"][0]["passed"]),
            (&json!("GATE_MODE_WARN"), &json!(true))
        );
    }

    #[test]
    fn check_holds_nothing_back_and_judges_by_the_override_for_the_call() {
        let pair = Pair::bundled("02_unknown_impid");
        let policy = pair.write(
            "policy.yaml",
            "gates: [ { name: impidMatch, holdback: 100 } ]\noverrides: [ { tool: x, gates: [ { name: impidMatch, mode: off } ] } ]\n",
        );
        assert_eq!(pair.check(&["--policy", &policy]).code(), 1);
        assert_eq!(pair.check(&["--policy", &policy, "--tool", "x"]).code(), 0);
    }

    #[test]
    fn replay_counts_what_is_only_warned_apart() {
        let pair = Pair::bundled("02_unknown_impid");
        let policy = pair.write(
            "policy.yaml",
            "gates: [ { name: impidMatch } ]\noverrides: [ { tool: x, gates: [ { name: impidMatch, mode: warn } ] } ]\n",
        );
        let line = |tool: &str| {
            let mut line: Value = serde_json::from_str(&ndjson("02_unknown_impid")).unwrap();
            line["tool"] = json!(tool);
            line.to_string()
        };
        let lines = [line("x"), line("y"), line("x")].join("\n");
        let said = Said::with_input(&["replay", "--policy", &policy, "-"], lines.as_bytes());
        let told = without_measurements(&said.out);
        for line in [
            "impidMatch warn 0 2 0 0 0",
            "impidMatch enforce 0 1 0 0 0",
            "impidMatch warn impid_unknown 2",
        ] {
            assert!(
                told.lines().any(|told| told == line),
                "{line:?} is missing:\n{told}"
            );
        }
    }

    #[test]
    fn a_late_auction_passes_without_looking_like_a_pass() {
        let said = Pair::bundled("08_late_auction").check(&["--elapsed-us", "118000"]);
        assert_eq!((said.code(), said.headline()), (0, "NOT EVALUATED"));
        let said =
            Pair::bundled("08_late_auction").check(&["--elapsed-us", "118000", "--tmax-ms", "300"]);
        assert_eq!((said.code(), said.headline()), (0, "PASS"));
    }

    #[test]
    fn a_late_bidder_fails_where_the_policy_asks_for_its_latency() {
        let pair = Pair::bundled("01_clean_display_bid");
        let policy = pair.write("policy.yaml", "gates: [ { name: latency, max_ms: 40 } ]\n");
        let judged = |latency_ms| pair.check(&["--policy", &policy, "--latency-ms", latency_ms]);
        assert_eq!((judged("40").code(), judged("40.5").code()), (0, 1));
    }

    #[test]
    fn check_json_is_the_reply_of_the_rpc() {
        let said = Pair::bundled("02_unknown_impid").check(&[
            "--json",
            "--tool",
            "exchange",
            "--agent-id",
            "me",
        ]);
        assert_eq!(said.code(), 1);
        let reply = reply_from_json(&said.out);
        assert_eq!(
            (reply.agent_id.as_str(), reply.tool.as_str()),
            ("me", "exchange")
        );
        assert_eq!(
            (reply.verdict(), reply.passed, reply.nbr),
            (Verdict::Fail, false, 1)
        );
        assert_eq!(reply.bids[0].findings[0].reason, "impid_unknown");
        assert!(
            !reply.evaluation_id.is_empty()
                && !reply.policy_version.is_empty()
                && reply.timestamp.is_some()
        );
    }

    #[test]
    fn check_filtered_prints_what_may_go_and_nothing_else() {
        let pair = Pair::new(
            r#"{"id":"r","imp":[{"id":"1"}]}"#,
            "{ \"seatbid\": [{ \"bid\": [\n  {},\n  {\"impid\":\"1\",\"price\":1,\"adomain\":[\"brand.com\"]}] }] }\n",
        );
        let said = pair.check(&["--filtered"]);
        let left = "{ \"seatbid\": [{ \"bid\": [\n  {\"impid\":\"1\",\"price\":1,\"adomain\":[\"brand.com\"]}] }] }\n";
        assert_eq!(
            (said.code(), said.out.as_str(), said.err.as_str()),
            (1, left, "")
        );
        let again = Pair::new(r#"{"id":"r","imp":[{"id":"1"}]}"#, left).check(&["--filtered"]);
        assert_eq!((again.code(), again.out.as_str()), (0, left));

        let malformed = Pair::new(r#"{"id":"r","imp":[{"id":"1"}]}"#, "[").check(&["--filtered"]);
        assert_eq!(
            (malformed.code(), malformed.out.as_str()),
            (2, r#"{"id":"r","nbr":1}"#)
        );
        assert!(
            malformed.err.contains("malformed_bid_response"),
            "{}",
            malformed.err
        );
        let reply = reply_from_json(&pair.check(&["--filtered", "--json"]).out);
        assert_eq!(reply.filtered_response, left.as_bytes());
    }

    #[test]
    fn check_json_names_every_field_and_error_only_when_there_is_one() {
        const ALWAYS: [&str; 13] = [
            "agentId",
            "bids",
            "correlationId",
            "evaluationId",
            "filteredResponse",
            "gates",
            "nbr",
            "passed",
            "policyVersion",
            "timestamp",
            "tool",
            "totalLatencyMs",
            "verdict",
        ];
        let passed: Value =
            serde_json::from_str(&Pair::bundled("01_clean_display_bid").check(&["--json"]).out)
                .unwrap();
        let mut keys: Vec<_> = passed
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        keys.sort_unstable();
        assert_eq!(keys, ALWAYS);
        assert_eq!(
            (&passed["correlationId"], &passed["nbr"]),
            (&json!("0"), &json!(0))
        );
        let malformed: Value = serde_json::from_str(
            &Pair::bundled("10_malformed_response")
                .check(&["--json"])
                .out,
        )
        .unwrap();
        assert_eq!(malformed["error"]["code"], "malformed_bid_response");
        assert_eq!(
            (&malformed["gates"], &malformed["bids"]),
            (&json!([]), &json!([]))
        );
    }

    #[test]
    fn replay_passes_over_a_bad_line_counts_it_and_says_so_in_the_end() {
        let lines = [
            ndjson("01_clean_display_bid"),
            "{\"name\":".to_owned(),
            ndjson("02_unknown_impid"),
        ]
        .join("\n");
        let said = Said::with_input(&["replay", "-"], lines.as_bytes());
        assert_eq!(said.code(), 2);
        assert!(said.err.starts_with("standard input:2: "), "{}", said.err);
        let told = without_measurements(&said.out);
        for line in [
            "PASS 1 50.0%",
            "FAIL 1 50.0%",
            "ERROR 0 0.0%",
            "impidMatch enforce 1 1 0 0 0",
            "impidMatch enforce impid_unknown 1",
        ] {
            assert!(
                told.lines().any(|told| told == line),
                "{line:?} is missing:\n{told}"
            );
        }
        assert!(
            told.contains("LATENCY us p50 p90 p99 p99.9 max\nevaluation # # # # #\n"),
            "{told}"
        );
        assert!(told.ends_with("1 unusable line passed over\n"), "{told}");
    }

    #[test]
    fn replay_json_prints_one_named_reply_a_line() {
        let lines = ["01_clean_display_bid", "02_unknown_impid", "09_no_bid"].map(ndjson);
        let said = Said::with_input(&["replay", "--json", "-"], lines.join("\n").as_bytes());
        assert_eq!((said.code(), said.err.as_str()), (0, ""));
        let replies: Vec<Value> = said
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let told: Vec<_> = replies
            .iter()
            .map(|reply| {
                (
                    reply["name"].as_str().unwrap(),
                    reply["verdict"].as_str().unwrap(),
                )
            })
            .collect();
        let expected = [
            ("01_clean_display_bid", "VERDICT_PASS"),
            ("02_unknown_impid", "VERDICT_FAIL"),
            ("09_no_bid", "VERDICT_NO_BID"),
        ];
        assert_eq!(told, expected);
        assert_eq!(replies[0]["agentId"], "replay");
    }

    #[test]
    fn replay_judges_payloads_as_they_are_written() {
        // Parsed and written again, the second `imp` would have won and nobody would know.
        let line = r#"{"name":"twice","request":{"imp":[{"id":"1"}],"imp":[]},"response":{"seatbid":[{"bid":[{"impid":"1"}]}]}}"#;
        let said = Said::with_input(&["replay", "--json", "-"], line.as_bytes());
        let reply: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(reply["error"]["code"], "malformed_bid_request");
        // A string is not a payload in quotes, it is a payload that is a string.
        let line = r#"{"name":"string","request":{"imp":[]},"response":"{}"}"#;
        let said = Said::with_input(&["replay", "--json", "-"], line.as_bytes());
        let reply: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(reply["error"]["code"], "malformed_bid_response");
    }

    #[test]
    fn replay_of_a_file_that_is_not_there_names_it() {
        let said = Said::of(bidgate(&["replay", "nowhere.ndjson"]));
        assert_eq!(said.code(), 2);
        assert!(
            said.err
                .contains("cannot read nowhere.ndjson: No such file"),
            "{}",
            said.err
        );
    }

    #[test]
    fn healthcheck_of_nobody_fails_in_one_line() {
        for args in [
            &["healthcheck", "--address", "unix:///nowhere/bidgate.sock"][..],
            &["healthcheck", "--admin", "127.0.0.1:1"],
            &["healthcheck", "--live", "--admin", "127.0.0.1:1"],
        ] {
            let said = Said::of(bidgate(args));
            assert_eq!((said.code(), said.out.as_str()), (1, ""));
            assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        }
    }

    #[test]
    fn a_key_on_the_command_line_is_not_said_again() {
        let key = "sk_live_0123456789abcdefABCDEF_-";
        let flag = format!("--telemetry-secret-key={key}");
        for args in [
            &["serve", key][..],
            &["serve", &flag],
            &["serve", "--config", key],
            &["serve", "--log-level", key],
            &["serve", "--telemetry-sink=file", "--telemetry-file", key],
            &[key],
            &["check", key, "-"],
            &["check", "-", "-", "--tmax-ms", key],
            &["replay", key],
            &["policy", "validate", key],
            &["audit", "verify", key],
            &["healthcheck", "--admin", key],
        ] {
            let said = Said::with_input(args, b"");
            assert_ne!(said.code(), 0);
            let all = [said.out, said.err].concat();
            assert!(!all.contains("0123456789"), "{args:?}: {all}");
            assert!(!all.is_empty(), "{args:?}");
        }
        let said = Said::of(bidgate(&["serve", key]));
        assert!(said.err.contains("'sk_live_..'"), "{}", said.err);
    }

    #[test]
    fn liveness_is_a_question_to_the_admin_port() {
        let said = Said::of(bidgate(&["healthcheck", "--live"]));
        assert_eq!(said.code(), 2);
        assert!(said.err.contains("--admin <HOST:PORT>"), "{}", said.err);
    }

    #[test]
    fn help_tells_what_each_command_does_and_shows_an_example() {
        let help = Said::of(bidgate(&["--help"])).out;
        for command in [
            "serve",
            "demo",
            "check",
            "replay",
            "policy",
            "audit",
            "healthcheck",
        ] {
            assert!(
                help.lines()
                    .any(|line| line.trim_start().starts_with(command)),
                "{command} is missing:\n{help}"
            );
        }
        for command in ["serve", "demo", "check", "replay", "healthcheck"] {
            let said = Said::of(bidgate(&[command, "--help"]));
            assert_eq!(said.code(), 0);
            assert!(
                said.out.contains(&format!("  bidgate {command}")),
                "{}",
                said.out
            );
        }
        assert_eq!(
            Said::of(bidgate(&["--version"])).out,
            format!("bidgate {}\n", env!("CARGO_PKG_VERSION"))
        );
    }
}
