//! The engine answers as the oracle does: on generated auctions, and on every small damage to a rich one.
//!
//! The seed is fixed. `PROPTEST_CASES` raises the number of generated auctions, `PROPTEST_RNG_SEED` changes them.
#[cfg(test)]
#[expect(dead_code, reason = "the runner of auctions reads more of it")]
mod fixture;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod members;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use bidgate::policy::Policy;
    use bidgate::verdict::Reason;
    use proptest::strategy::{Strategy as _, ValueTree as _};
    use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
    use serde_json::{Value, json};

    use crate::fixture;
    use crate::generate;
    use crate::generate::text::{Json, Member, Spelling};
    use crate::members::each_member;
    use crate::support::{Case, Engine};

    #[test]
    #[expect(
        clippy::result_large_err,
        reason = "the size of proptest's error is not ours"
    )]
    fn the_engine_answers_generated_auctions_as_the_oracle_does() {
        let mut config = Config {
            failure_persistence: None,
            ..Config::default()
        };
        if std::env::var_os("PROPTEST_CASES").is_none() {
            config.cases = 3000;
        }
        if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
            config.rng_seed = RngSeed::Fixed(0x00b1_d6a7_e000);
        }
        let engine = RefCell::new(Engine::new());
        let result = TestRunner::new(config).run(&generate::case(), |case| {
            let checked = engine.borrow_mut().check(&case);
            checked.map_err(|disagreement| TestCaseError::fail(disagreement.to_string()))
        });
        result.unwrap_or_else(|error| panic!("{error}"));
    }

    #[test]
    fn generated_auctions_and_those_of_facts_reach_every_reason() {
        // Of the clock, of payloads too large for a fact, and of gates in code: each has tests of its own.
        let mut reached = BTreeSet::from(
            [
                Reason::Timeout,
                Reason::NodesExceeded,
                Reason::SchemaBudget,
                Reason::ExpressionTooCostly,
                Reason::Custom,
            ]
            .map(Reason::name),
        );
        let (cases, mut runner) = (generate::case(), TestRunner::deterministic());
        let generated = (0..1000).map(|_| cases.new_tree(&mut runner).unwrap().current());
        let facts = fixture::all().into_iter().map(|fixture| fixture.case);
        for case in generated.chain(facts) {
            for answer in case.expected() {
                reached.extend(answer.gates.iter().map(|gate| gate.reason));
                reached.extend(answer.findings.iter().map(|finding| finding.reason));
            }
        }
        let missed: Vec<_> = Reason::ALL
            .iter()
            .filter(|reason| !reached.contains(reason.name()))
            .collect();
        assert!(missed.is_empty(), "no auction is answered with {missed:?}");
    }

    #[test]
    fn a_payload_cut_at_any_byte_is_answered_as_by_the_oracle() {
        for_each_position(|payload, at| payload[..at].to_vec());
    }

    #[test]
    fn a_payload_without_any_one_byte_is_answered_as_by_the_oracle() {
        for_each_position(|payload, at| {
            [&payload[..at], &payload[(at + 1).min(payload.len())..]].concat()
        });
    }

    #[test]
    fn a_payload_with_a_stray_byte_anywhere_is_answered_as_by_the_oracle() {
        for stray in [b'"', b'}', b']', b',', b'\\', b' ', b'0', 0, 0xff] {
            for_each_position(|payload, at| [&payload[..at], &[stray], &payload[at..]].concat());
        }
    }

    #[test]
    fn imps_are_found_as_by_the_oracle_however_many_there_are() {
        let ids = ["", "1", "01", "10", "2", "1", "\u{e9}"];
        let imps: Vec<_> = (0..300)
            .map(|imp| match imp % 9 {
                8 => json!({ "bidfloor": 1 }),
                7 => json!({ "id": imp.to_string(), "bidfloor": imp }),
                id => json!({ "id": ids[id], "bidfloor": imp }),
            })
            .collect();
        let others = [json!("9"), json!("7"), json!("295"), json!("300"), json!(1)];
        let impids = ids.iter().map(|id| json!(id)).chain(others);
        let bids: Vec<_> = impids
            .map(|impid| json!({ "impid": impid, "price": 40 }))
            .collect();
        for count in [1, 13, 14, bids.len() * 30] {
            let bids: Vec<_> = bids.iter().cycle().take(count).collect();
            let policy = json!({ "fail_fast": false, "gates": [{ "name": "impidMatch" }, { "name": "bidSanity", "max_floor_multiple": 1 }] });
            let request = json!({ "imp": imps }).to_string();
            let response = json!({ "seatbid": [{ "bid": bids }] }).to_string();
            let case = Case::new(request, response, policy);
            let checked = Engine::new().check(&case);
            checked.unwrap_or_else(|disagreement| panic!("{count} bids: {disagreement}"));
        }
    }

    #[test]
    fn every_key_may_be_escaped() {
        let (request, response) = rich_auction();
        let plain = auction(&request, &response).expected();
        let escape =
            |(key, _, value): &Member| vec![(key.clone(), Spelling::AllEscaped, value.clone())];
        let mut engine = Engine::new();
        for (key, request) in each_member(&request, &escape) {
            let case = auction(&request, &response);
            assert_eq!(case.expected(), plain, "{key}");
            check(&mut engine, &case, &key);
        }
        for (key, response) in each_member(&response, &escape) {
            let case = auction(&request, &response);
            assert_eq!(case.expected(), plain, "{key}");
            check(&mut engine, &case, &key);
        }
    }

    #[test]
    fn a_key_that_a_gate_reads_may_not_stand_twice() {
        let (request, response) = rich_auction();
        let mut engine = Engine::new();
        for (read, ignored) in [
            (Spelling::Plain, Spelling::AllEscaped),
            (Spelling::FirstEscaped, Spelling::Plain),
        ] {
            let repeat = |(key, _, value): &Member| {
                vec![
                    (key.clone(), read, value.clone()),
                    (key.clone(), ignored, Json::raw("null")),
                ]
            };
            let repeated_in_request = each_member(&request, &repeat)
                .into_iter()
                .map(|(key, it)| (key, auction(&it, &response)));
            let repeated_in_response = each_member(&response, &repeat)
                .into_iter()
                .map(|(key, it)| (key, auction(&request, &it)));
            let mut refused = 0;
            for (key, case) in repeated_in_request.chain(repeated_in_response) {
                check(&mut engine, &case, &key);
                refused += usize::from(case.expected()[0].error.is_some());
            }
            assert_eq!(
                refused, READ_MEMBERS,
                "every member that a gate reads, and no other"
            );
        }
    }

    #[test]
    fn with_every_gate_listed_a_payload_cut_or_repeated_anywhere_is_answered_as_by_the_oracle() {
        let (request, response) = rich_auction_of_compliance();
        let case = |request: &[u8], response: &[u8]| Case::new(request, response, every_gate());
        let mut engine = Engine::new();
        let twice = |member: &Member| vec![member.clone(), member.clone()];
        for (key, request) in each_member(&request, &twice) {
            let case = case(
                request.render("").as_bytes(),
                response.render("").as_bytes(),
            );
            check(&mut engine, &case, &key);
        }
        for (key, response) in each_member(&response, &twice) {
            let case = case(
                request.render("").as_bytes(),
                response.render("").as_bytes(),
            );
            check(&mut engine, &case, &key);
        }
        let (request, response) = (request.render(""), response.render(""));
        let (request, response) = (request.as_bytes(), response.as_bytes());
        for at in 0..=request.len() {
            let cut = case(&request[..at], response);
            check(&mut engine, &cut, &format!("request, byte {at}"));
            let stray = [&request[..at], b"0", &request[at..]].concat();
            check(&mut engine, &case(&stray, response), "a stray byte");
        }
        for at in 0..=response.len() {
            let cut = case(request, &response[..at]);
            check(&mut engine, &cut, &format!("response, byte {at}"));
        }
    }

    #[test]
    fn nesting_is_limited_to_64_levels_wherever_it_stands() {
        let mut engine = Engine::new();
        for depth in 56..70 {
            assert_depth_is_judged(&mut engine, &nested("[", "]", depth));
            assert_depth_is_judged(&mut engine, &nested("{\"a\":", "}", depth));
            assert_depth_is_judged(&mut engine, &nested("[{\"id\":", "}]", depth / 2));
        }
    }

    fn nested(open: &str, close: &str, times: usize) -> Json {
        Json::raw(format!("{}1{}", open.repeat(times), close.repeat(times)))
    }

    /// Puts the deep value beside and in the place of every member of the rich auction.
    fn assert_depth_is_judged(engine: &mut Engine, deep: &Json) {
        let (request, response) = rich_auction();
        let beside = |member: &Member| {
            vec![
                member.clone(),
                ("deep".to_owned(), Spelling::Plain, deep.clone()),
            ]
        };
        let instead = |(key, spelling, _): &Member| vec![(key.clone(), *spelling, deep.clone())];
        for (key, request) in [
            each_member(&request, &beside),
            each_member(&request, &instead),
        ]
        .concat()
        {
            check(engine, &auction(&request, &response), &key);
        }
        for (key, response) in [
            each_member(&response, &beside),
            each_member(&response, &instead),
        ]
        .concat()
        {
            check(engine, &auction(&request, &response), &key);
        }
    }

    #[test]
    fn a_string_of_10_megabytes_is_read_or_stepped_over() {
        let mut engine = Engine::new();
        let long = "x".repeat(10 << 20);
        let imp = r#"{"imp":[{"id":"1"}]}"#;
        let bid = r#"{"seatbid":[{"bid":[{"impid":"1","price":1,"adomain":["brand.com"]}]}]}"#;
        for (request, response) in [
            (
                format!(r#"{{"imp":[{{"id":"1","x":"{long}"}}]}}"#),
                bid.to_owned(),
            ),
            (format!(r#"{{"imp":[{{"id":"{long}"}}]}}"#), bid.to_owned()),
            (imp.to_owned(), bid.replace("brand.com", &long)),
            (
                imp.to_owned(),
                bid.replace("\"impid\"", &format!("\"id\":\"{long}\",\"impid\"")),
            ),
            (
                imp.to_owned(),
                bid.replace("\"impid\"", &format!("\"{long}\":\"\\u00e9\",\"impid\"")),
            ),
        ] {
            let case = Case::new(request, response, json!({ "fail_fast": false }));
            assert!(engine.check(&case).is_ok());
        }
    }

    #[test]
    fn imps_bids_and_block_lists_are_limited() {
        let mut engine = Engine::new();
        for beyond in [0, 1] {
            let imps = vec!["{}"; 512 + beyond].join(",");
            let bids = vec!["{}"; 1000 + beyond].join(",");
            let entries = vec!["\"IAB1\""; 16000 + beyond].join(",");
            let allowed = vec!["\"IAB1\",\" \",1"; 384].join(",");
            let request = format!(r#"{{"imp":[1,{imps}]}}"#);
            check(&mut engine, &Case::new(request, "", json!({})), "imps");
            let response = format!(
                r#"{{"seatbid":[{{"bid":[{bids},null]}},{{"bid":[{}{{}}]}}]}}"#,
                "{},".repeat(23)
            );
            check(&mut engine, &Case::new("{}", response, json!({})), "bids");
            let request = format!(r#"{{"bcat":[{entries}],"acat":[{allowed}]}}"#);
            check(
                &mut engine,
                &Case::new(request, "", json!({})),
                "block lists",
            );
        }
    }

    /// Changes request and response at every position, one at a time.
    fn for_each_position(change: impl Fn(&[u8], usize) -> Vec<u8>) {
        let (request, response) = rich_auction();
        let (request, response) = (
            request.render("").into_bytes(),
            response.render("").into_bytes(),
        );
        let mut engine = Engine::new();
        for at in 0..=request.len() {
            let case = Case::new(change(&request, at), response.clone(), lenient_policy());
            check(&mut engine, &case, &format!("request, byte {at}"));
        }
        for at in 0..=response.len() {
            let case = Case::new(request.clone(), change(&response, at), lenient_policy());
            check(&mut engine, &case, &format!("response, byte {at}"));
        }
    }

    #[track_caller]
    fn check(engine: &mut Engine, case: &Case, what: &str) {
        if let Err(disagreement) = engine.check(case) {
            panic!(
                "{what}: {case:?}
{disagreement}"
            );
        }
    }

    fn auction(request: &Json, response: &Json) -> Case {
        Case::new(request.render(""), response.render(""), lenient_policy())
    }

    fn lenient_policy() -> Value {
        let audience_safety = json!({ "name": "audienceSafety", "bundle_keywords": ["kids"] });
        let others = [
            "tmaxGuard",
            "impidMatch",
            "adomainVerify",
            "bidSanity",
            "bcatCompliance",
        ];
        let gates: Value = others
            .iter()
            .map(|name| json!({ "name": name }))
            .chain([audience_safety])
            .collect();
        json!({ "fail_fast": false, "gates": gates })
    }

    fn every_gate() -> Value {
        let gates = Policy::known_gates().map(|name| json!({ "name": name, "mode": "enforce" }));
        let gates: Value = gates.collect();
        json!({ "fail_fast": false, "gates": gates })
    }

    /// An auction in which every key stands that an exchange-compliance gate reads.
    fn rich_auction_of_compliance() -> (Json, Json) {
        let geo = json!({ "lat": 52.5163, "lon": 13.4, "zip": "10115", "city": "Berlin" });
        let device = json!({
            "ifa": "0-0", "didsha1": "", "didmd5": " ", "dpidsha1": 1, "dpidmd5": null, "macsha1": "0", "macmd5": "",
            "ip": "198.51.100.7", "ipv6": "2001:db8::1", "geo": geo
        });
        let stream = json!({ "battr": [1, 500], "mimes": ["video/mp4"], "durfloors": [{ "mindur": 5, "maxdur": 30, "bidfloor": 2, "x": 1 }] });
        let request = json!({
            "id": "r1", "cur": ["EUR"], "badv": ["brand.com"], "bapp": ["com.foo"], "wseat": ["s1"], "bseat": ["s2"],
            "imp": [{
                "id": "1", "secure": 1, "instl": 0, "bidfloor": 1.5,
                "banner": { "w": 300, "h": 250, "battr": [6, 2], "format": [{ "w": 320, "h": 50, "wratio": 1 }] },
                "video": stream, "audio": stream, "native": { "battr": [3], "request": "{}" },
                "pmp": { "private_auction": 1, "deals": [{ "id": "d1", "bidfloor": 3, "wadomain": ["a.com"], "wseat": ["s3"] }] }
            }],
            "regs": { "coppa": 1 }, "device": device,
            "user": { "id": "", "buyeruid": "0", "yob": 0, "gender": "", "eids": [], "geo": geo, "ext": { "eids": [{}], "x": 1 } }
        });
        let response = json!({
            "id": "r2", "seatbid": [{ "seat": "s2", "bid": [{
                "id": "b1", "impid": "1", "price": 1, "adomain": ["www.brand.com"], "dealid": "d1", "crid": "c", "adid": "a", "nurl": "n",
                "adm": "<img src=\"http://x.net\">", "bundle": "com.foo", "mtype": 1, "w": 300, "h": 251, "dur": 15, "attr": [6, 7]
            }, { "id": "b1", "impid": "1", "price": 1, "mtype": 2, "dur": 15.0 }] }]
        });
        (Json::from(&request), Json::from(&response))
    }

    /// Members of the rich auction that a gate reads.
    const READ_MEMBERS: usize = 53;

    /// An auction in which every key stands that a gate reads, and some that none does.
    fn rich_auction() -> (Json, Json) {
        let request = json!({
            "id": "r\u{e9}quest \"1\"", "tmax": 120.0, "at": 1, "cattax": 6, "bcat": ["1", " 211", 7], "acat": ["2"],
            "imp": [
                { "id": "1", "bidfloor": 0.5, "bidfloorcur": "EUR", "banner": { "w": 300, "h": 250, "id": "x" },
                  "pmp": { "private_auction": 0, "deals": [{ "id": "d1", "bidfloor": 2.5, "bidfloorcur": "USD", "at": 3 }] } },
                { "id": "2", "ext": { "id": null, "bidfloor": [-1.5e3, true] } }
            ],
            "regs": { "coppa": 1, "ext": { "coppa": "0", "gdpr": 0 } },
            "site": { "page": "https://publisher.net/?a=\u{1f600}", "content": { "cat": ["645"], "cattax": 6, "contentrating": "TV-Y" } },
            "app": { "bundle": "net.kids.game", "name": "KidsGame", "content": { "cat": ["1"], "cattax": 1, "contentrating": "PG" } }
        });
        let response = json!({
            "id": "r\u{e9}sponse", "cur": "USD", "bidid": "\\",
            "seatbid": [
                { "seat": "s", "bid": [
                    { "id": "b1", "impid": "1", "price": 1.25, "adomain": ["brand.com"], "cat": ["4"], "cattax": 6, "dealid": "d1",
                      "qagmediarating": 1, "adm": "<a href=\"x\">\u{2028}</a>", "ext": { "price": 1, "id": ["\u{0}"] } },
                    { "id": "b2", "impid": "3", "price": 9e3, "adomain": ["https://brand.com"], "cat": ["IAB1"], "cattax": 1 }
                ] },
                { "bid": [{ "id": "b3", "impid": "2", "price": -1, "adomain": [], "cat": [] }] }
            ]
        });
        (Json::from(&request), Json::from(&response))
    }
}
