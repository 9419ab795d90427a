//! The oracle against examples worked out by hand, so that it may judge the engine.
#[cfg(test)]
mod oracle;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::oracle::{Answer, Policy, Timing, answers};

    #[test]
    fn a_response_is_read_strictly() {
        for valid in [
            r#"{"a":[0,-0,1.5,1e9,1E-9,-0.0e+00,true,false,null,"\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t"]}"#,
            " \t\r\n{ \"a\" : { } , \"a\" : [ ] } ",
            r#"{"":"","seatbid":1}"#,
        ] {
            assert_eq!(verdicts("{}", valid), ["no_bid"], "{valid}");
        }
        for malformed in [
            " ",
            "[]",
            "null",
            "1",
            "\"\"",
            "{",
            "}",
            "{}}",
            "{},",
            "{} {}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":NaN}",
            "{\"a\":tru}",
            "{\"a\":[1,]}",
            "{\"a\":[1 2]}",
            "{\"a\":[}]",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\udc00\"}",
            "{\"a\":\"\\ud800\\u0041\"}",
            "{\"a\":\"",
            "\u{feff}{}",
            "{}\0",
            "{/**/}",
        ] {
            assert_eq!(
                verdicts("{}", malformed),
                ["malformed_bid_response"],
                "{malformed}"
            );
        }
    }

    #[test]
    fn a_request_has_to_be_right_where_gates_read() {
        for anywhere in [
            r#"{"x":01}"#,
            r#"{"x":tru,"tmax":1}"#,
            r#"{"x":{"a" 1},"tmax":1}"#,
            r#"{"x":"\ud800"}"#,
            r#"{"\ud800":1}"#,
            r#"{"imp":[{"w":1 2}]}"#,
            r#"{"regs":{"ext":{"gdpr":NaN}}}"#,
        ] {
            assert_eq!(
                verdicts(anywhere, ""),
                ["malformed_bid_request", "no_bid"],
                "{anywhere}"
            );
        }
        for where_gates_read in [
            r#"{"tmax":01}"#,
            r#"{"x":[1}"#,
            r#"{"x":[1]"#,
            r#"{"x":"1}"#,
            r#"{"bcat":["\ud800"]}"#,
            r#"{"imp":[{"id":"1" "w":1}]}"#,
            r#"{"imp":[{"w":1 "id":"1"}]}"#,
            r#"{"imp":[{"id":{"a":01}}]}"#,
            r#"{"imp":[01]}"#,
            r#"{"imp":[{}],}"#,
            "",
            "[]",
            r#"{"x":1}}"#,
        ] {
            let refused = verdicts(where_gates_read, "");
            assert!(
                refused
                    .iter()
                    .all(|verdict| *verdict == "malformed_bid_request"),
                "{where_gates_read}: {refused:?}"
            );
        }
    }

    #[test]
    fn keys_that_gates_read_stand_once() {
        assert_eq!(
            verdicts(r#"{"tmax":1,"tm\u0061x":null}"#, ""),
            ["malformed_bid_request"]
        );
        assert_eq!(
            verdicts(r#"{"imp":[{"pmp":{"deals":[{"id":1,"id":1}]}}]}"#, ""),
            ["malformed_bid_request"]
        );
        assert_eq!(
            verdicts(
                r#"{"at":1,"at":2,"imp":{"id":1,"id":2},"regs":[{"coppa":1,"coppa":1}]}"#,
                ""
            ),
            ["no_bid"]
        );
        assert_eq!(verdicts(r#"{"site":{"name":1,"name":2}}"#, ""), ["no_bid"]);
        assert_eq!(
            verdicts(r#"{"app":{"name":1,"name":2}}"#, ""),
            ["malformed_bid_request"]
        );
        assert_eq!(
            verdicts("{}", r#"{"seatbid":[{"bid":[{"price":1,"price":1}]}]}"#),
            ["malformed_bid_response"]
        );
    }

    #[test]
    fn integers_are_numbers_without_a_fraction() {
        for two in ["2", "2.0", "2e0", "20e-1", "0.2e1", "2.00E+0"] {
            assert_eq!(
                unsafe_reasons(&format!(r#""qagmediarating":{two},"cat":["1"]"#)),
                ["child_unsafe_rating"],
                "{two}"
            );
        }
        for other in ["2.5", "\"2\"", "true", "2e-1", "22", "-2", "[2]"] {
            assert_eq!(
                unsafe_reasons(&format!(r#""qagmediarating":{other},"cat":["1"]"#)),
                [""; 0],
                "{other}"
            );
        }
    }

    #[test]
    fn categories_are_below_their_parents() {
        let bid = |cat: &str, cattax: u32| format!(r#""cat":["{cat}"],"cattax":{cattax}"#);
        let blocked = |bcat: &str, request_cattax: u32, cat: &str, cattax: u32| {
            let request = format!(r#""bcat":["{bcat}"],"cattax":{request_cattax},"#);
            bid_reasons(
                &request,
                &bid(cat, cattax),
                &json!([{ "name": "bcatCompliance" }]),
            )
        };
        assert_eq!(blocked("iab08", 1, "IAB8-05", 1), ["blocked_category"]);
        assert_eq!(blocked("IAB2", 1, "IAB20", 1), [""; 0]);
        assert_eq!(blocked("IAB8-5", 1, "IAB8", 1), [""; 0]);
        // 4 is below 2, 2 below 1, in Content 2.2.
        assert_eq!(blocked("1", 9, "4", 6), ["blocked_category"]);
        assert_eq!(blocked("1", 1, "4", 6), ["taxonomy_mismatch"]);
        assert_eq!(blocked("sPSHQ5", 9, "645", 9), [""; 0]);
        // 645 is below SPSHQ5 in Content 3.1 only.
        assert_eq!(blocked("SPSHQ5", 9, "645", 9), ["blocked_category"]);
        assert_eq!(blocked("SPSHQ5", 6, "645", 6), [""; 0]);
        assert_eq!(blocked(" x", 500, "x ", 500), ["blocked_category"]);
    }

    #[test]
    fn domains_offend_by_the_first_rule_that_applies() {
        for (domain, reason) in [
            (" WWW.Brand.COM. ", ""),
            ("m\u{fc}nchen.de", ""),
            ("r3---sn.brand.com", ""),
            ("brand.unknowntld", ""),
            ("www.ck", ""),
            ("blogspot.com", ""),
            ("", "adomain_malformed"),
            ("..", "adomain_malformed"),
            ("https://brand.com", "adomain_malformed"),
            ("xn--zzzzzzz99999.de", "adomain_malformed"),
            ("a_b.com", "adomain_malformed"),
            ("-m\u{fc}ller.de", "adomain_malformed"),
            ("1.2.3.4", "adomain_ip_address"),
            ("7", "adomain_ip_address"),
            ("shop.example.com", "adomain_placeholder"),
            ("notexample.com", ""),
            ("localhost", "adomain_placeholder"),
            ("brand", "adomain_single_label"),
            ("a.local", "adomain_reserved"),
            ("co.uk", "adomain_public_suffix"),
            ("foo.ck", "adomain_public_suffix"),
            ("\u{516c}\u{53f8}.cn", "adomain_public_suffix"),
        ] {
            let reasons = bid_reasons(
                "",
                &format!(r#""adomain":["{domain}"]"#),
                &json!([{ "name": "adomainVerify" }]),
            );
            assert_eq!(
                reasons,
                if reason.is_empty() {
                    vec![]
                } else {
                    vec![reason]
                },
                "{domain}"
            );
        }
    }

    #[test]
    fn names_are_split_at_humps_and_digits() {
        let audience_safety = json!([{ "name": "audienceSafety", "bundle_keywords": ["kids"] }]);
        for (name, found) in [
            ("ABCKids", true),
            ("KIDSGames", true),
            ("kidsGames", true),
            ("4kids2go", true),
            ("com.toy-kids", true),
            ("kidsgames", false),
            ("MyKIDS", true),
            ("Skids", false),
            ("KIDs", false),
        ] {
            let request = format!(r#"{{"app":{{"name":"{name}"}}}}"#);
            let answer =
                judge(&request, r#"{"seatbid":[{"bid":[{}]}]}"#, &audience_safety).remove(0);
            assert_eq!(answer.gates[0].status == "passed", found, "{name}");
        }
    }

    #[test]
    fn what_is_only_warned_fails_nothing_and_holding_back_is_open() {
        let verdicts = |options: serde_json::Value| {
            let mut gate = json!({ "name": "bidSanity" });
            gate.as_object_mut()
                .unwrap()
                .extend(options.as_object().unwrap().clone());
            let answers = judge(
                "{}",
                r#"{"seatbid":[{"bid":[{"price":-1}]}]}"#,
                &json!([gate]),
            );
            let told =
                |answer: Answer| (answer.verdict, answer.gates.first().map(|gate| gate.mode));
            answers.into_iter().map(told).collect::<Vec<_>>()
        };
        let (fail, held) = (("fail", Some("enforce")), ("pass", Some("holdback")));
        assert_eq!(verdicts(json!({})), [fail]);
        assert_eq!(
            verdicts(json!({ "mode": "warn", "holdback": 5 }))[0],
            ("pass", Some("warn"))
        );
        assert_eq!(verdicts(json!({ "mode": "off" })), [("pass", None)]);
        assert_eq!(verdicts(json!({ "holdback": 5 })), [held, fail]);
        assert_eq!(verdicts(json!({ "holdback": 100 })), [held]);
    }

    #[test]
    fn the_first_override_that_matches_is_merged_by_the_names_of_gates() {
        let policy = json!({
            "gates": [{ "name": "impidMatch" }, { "name": "bidSanity", "max_price": 1 }],
            "overrides": [
                { "tool": "x", "agent_id": "a*", "gates": [{ "name": "bidSanity", "mode": "warn" }] },
                { "agent_id": "a", "gates": [{ "name": "tmaxGuard" }, { "name": "impidMatch", "mode": "off" }] }
            ]
        });
        let gates = |agent_id: &str, tool: &str| {
            let gates = Policy::for_call(&policy, agent_id, tool).gates;
            let told = gates.iter().map(|listed| (listed.gate.name(), listed.mode));
            told.collect::<Vec<_>>()
        };
        let (imp, price) = (("impidMatch", "enforce"), ("bidSanity", "enforce"));
        assert_eq!(gates("ab", "x"), [imp, ("bidSanity", "warn")]);
        assert_eq!(gates("a", "x"), [imp, ("bidSanity", "warn")]);
        assert_eq!(gates("a", "xy"), [price, ("tmaxGuard", "enforce")]);
        assert_eq!(gates("ab", "y"), [imp, price]);
    }

    #[test]
    fn an_asset_is_told_by_what_stands_in_front_of_its_address() {
        let secure_markup = json!([{ "name": "secureMarkup" }]);
        for (markup, asset) in [
            ("<img src='http://a'>", true),
            ("<img\tSRC = http://a>", true),
            ("<img xsrc=http://a>", false),
            ("<a href='http://a'>", false),
            ("<link href='http://a'>", true),
            ("<link><a href='http://a'>", false),
            ("url( 'http://a')", true),
            ("url 'http://a'", false),
            ("https://b?src=http://a", false),
            ("<Tracking a='b'>http://a", true),
            ("<Tracking><x>http://a", false),
            ("<tracking><![CDATA[http://a", true),
            ("{'link':{'a':1,'url':'http://a'}}", false),
            ("{'link':{},'img':{'url':'http:\\/\\/a'}}", true),
            ("http://a", false),
        ] {
            let request = r#"{"imp":[{"id":"1","secure":1}]}"#;
            let bid = json!({ "impid": "1", "adm": markup });
            let response = json!({ "seatbid": [{ "bid": [bid] }] }).to_string();
            let answer = judge(request, &response, &secure_markup).remove(0);
            assert_eq!(answer.gates[0].status == "failed", asset, "{markup}");
        }
    }

    #[test]
    fn keys_of_gates_that_are_not_listed_may_stand_twice() {
        let request = r#"{"badv":["a.com"],"badv":["b.com"]}"#;
        assert_eq!(verdicts(request, ""), ["no_bid"]);
        let listed = json!([{ "name": "advertiserBlock" }]);
        let answer = judge(request, "", &listed).remove(0);
        assert_eq!(answer.error.unwrap().code, "malformed_bid_request");
    }

    /// Error codes, or verdicts where there is no error.
    fn verdicts(request: &str, response: &str) -> Vec<&'static str> {
        let policy = Policy::for_call(&json!({}), "", "");
        let answers = answers(
            request.as_bytes(),
            response.as_bytes(),
            &policy,
            &Timing::default(),
            ["bidder", ""],
        );
        let verdict = |answer: &Answer| {
            answer
                .error
                .as_ref()
                .map_or(answer.verdict, |error| error.code)
        };
        answers.iter().map(verdict).collect()
    }

    /// What audienceSafety finds on a bid with these members, on child-directed inventory.
    fn unsafe_reasons(members: &str) -> Vec<&'static str> {
        let members = format!(r#"{members},"cattax":6"#);
        bid_reasons(
            r#""regs":{"coppa":1},"#,
            &members,
            &json!([{ "name": "audienceSafety" }]),
        )
    }

    fn bid_reasons(request: &str, members: &str, gates: &serde_json::Value) -> Vec<&'static str> {
        let request = format!(r#"{{{request}"imp":[]}}"#);
        let response = format!(r#"{{"seatbid":[{{"bid":[{{{members}}}]}}]}}"#);
        let answer = judge(&request, &response, gates).remove(0);
        answer
            .findings
            .iter()
            .map(|finding| finding.reason)
            .collect()
    }

    fn judge(request: &str, response: &str, gates: &serde_json::Value) -> Vec<Answer> {
        let policy = Policy::for_call(&json!({ "gates": gates }), "", "");
        answers(
            request.as_bytes(),
            response.as_bytes(),
            &policy,
            &Timing::default(),
            ["bidder", ""],
        )
    }
}
