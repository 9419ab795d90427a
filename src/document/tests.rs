#![expect(
    clippy::result_large_err,
    reason = "the error of a property is not ours to shrink"
)]

use proptest::prelude::*;

use super::*;
use crate::limits::DOCUMENT_DEPTH_MAX;

#[test]
fn what_is_not_one_plain_document_is_refused_at_its_place() {
    let deep = "[".repeat(DOCUMENT_DEPTH_MAX as usize + 2);
    for (text, expected) in [
        ("a: [1\nb: 2", "t:2:2: a: is not YAML: "),
        ("a: 1\n---\nb: 2", "t:2:1: a second document begins here"),
        ("a: &x 1\nb: *x", "t:2:4: b: aliases are not supported"),
        ("a: !!str 1", "t:1:4: a: tags are not supported; remove it"),
        ("? [a]\n: 1", "t:1:3: a key must be a plain word"),
        (&deep, "t:1:34: [0][0]"),
    ] {
        let problems = Document::parse(text, "t").unwrap_err().to_string();
        assert!(problems.starts_with(expected), "{problems}");
    }
}

#[test]
fn a_root_that_is_not_a_mapping_is_refused() {
    let problems = Document::parse("[1]", "t")
        .unwrap()
        .read(|_| ())
        .unwrap_err();
    assert_eq!(
        problems.to_string(),
        "t:1:1: must be a mapping, found a list\n"
    );
}

#[test]
fn no_content_is_an_empty_mapping() {
    for text in ["", "# nothing\n", "---\n", "\u{feff}"] {
        assert_eq!(
            read(text, |section| section.flag("a", true)),
            Ok(true),
            "{text:?}"
        );
    }
}

#[test]
fn scalars_follow_the_core_schema() {
    for (text, expected) in [("7", 7), ("+7", 7), ("0x1F", 31), ("0o17", 15), ("007", 7)] {
        assert_eq!(
            read(&format!("a: {text}"), |section| section.integer(
                "a",
                0,
                0..=99
            )),
            Ok(expected)
        );
    }
    for (text, expected) in [("7", 7.0), ("7.5", 7.5), ("1e3", 1000.0), (".5", 0.5)] {
        assert_eq!(
            read(&format!("a: {text}"), |section| section.positive("a", 1.0)),
            Ok(expected)
        );
    }
    for text in [
        "'7'",
        "0x-1",
        "7_0",
        "~",
        "-1",
        "18446744073709551616",
        "[]",
    ] {
        assert!(
            read(&format!("a: {text}"), |section| section.integer(
                "a",
                0,
                0..=u64::MAX
            ))
            .is_err(),
            "{text}"
        );
    }
    for text in [
        ".inf", "-.inf", ".nan", "1e400", "inf", "nan", "0", "0.0", "-0.0", "true",
    ] {
        assert!(
            read(&format!("a: {text}"), |section| section.positive("a", 1.0)).is_err(),
            "{text}"
        );
    }
}

#[test]
fn a_wrong_value_says_what_was_found_what_is_allowed_and_what_to_do() {
    for (text, expected) in [
        (
            "a: 7",
            "t:1:4: a: must be a string, found 7; put it in quotes\n",
        ),
        ("a: [b]", "t:1:4: a: must be a string, found a list\n"),
        (
            "a:",
            "t:1:2: a: must be a string, found nothing; give it a value or remove the key\n",
        ),
    ] {
        assert_eq!(
            read(text, |section| section.string("a", ""))
                .unwrap_err()
                .to_string(),
            expected
        );
    }
    let problems = read("a: [b, 7]", |section| section.strings("a")).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "t:1:8: a[1]: must be a string, found 7; put it in quotes\n"
    );
    let problems = read("a:", |section| section.strings("a")).unwrap_err();
    assert!(problems.to_string().ends_with(
        "must be a list, found nothing; write [] for an empty list or remove the key\n"
    ));
    let problems = read("a: [7]", |section| section.list("a", &[], |_| ())).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "t:1:5: a[0]: must be a mapping, found 7\n"
    );
}

#[test]
fn a_number_is_whole_however_it_is_written() {
    for text in ["15", "15.0", "1.5e1", "0xf"] {
        let read = read(&format!("a: {text}"), |section| {
            section.integer("a", 0, 1..=20)
        });
        assert_eq!(read, Ok(15), "{text}");
    }
    assert_eq!(
        read("a: -0.0", |section| section.integer("a", 1, 0..=20)),
        Ok(0)
    );
    for text in ["1.5", "-1.0", "21.0", "1e300", ".inf", ".nan"] {
        let read = read(&format!("a: {text}"), |section| {
            section.integer("a", 0, 1..=20)
        });
        assert!(read.is_err(), "{text}");
    }
}

#[test]
fn differences_are_named_by_the_deepest_key() {
    let effective = |text: &str| meaning(&Document::parse(text, "t").unwrap().root);
    let one = effective("{a: 1, b: {c: [1], d: 2}, e: {f: 1}}");
    let other = effective("{a: 1, b: {c: [2], d: 2, g: 3}, e: 7}");
    assert_eq!(one.differences(&other), ["b.c", "b.g", "e"]);
    assert!(one.differences(&one).is_empty());
}

#[test]
fn a_rejection_is_placed_at_the_value_or_else_at_what_would_hold_it() {
    let text = "s:\n  listed: [x, y]\n  rates: {EUR: 1}\n";
    let problems = read(text, |section| {
        section.section("s", |section| {
            section.strings("listed");
            section.rates("rates");
            for key in ["listed[1]", "rates.EUR", "listed[7]", "absent"] {
                section.reject(key, "no");
            }
        });
    });
    let expected = "t:2:3: s.absent: no\nt:2:11: s.listed[7]: no\nt:2:15: s.listed[1]: no\nt:3:16: s.rates.EUR: no\n";
    assert_eq!(problems.unwrap_err().to_string(), expected);
}

#[test]
fn an_overlay_makes_the_mappings_it_needs_and_refuses_to_replace_others() {
    let mut document = Document::parse("a:\nb: 1", "t").unwrap();
    document.set("a.x", "5", "--a-x");
    document.set("b.x", "5", "--b-x");
    document.set("c.x", "{", "--c-x");
    let problems = document.read(|section| {
        assert_eq!(section.section("a", |a| a.integer("x", 0, 0..=9)), 5);
        section.integer("b", 0, 0..=9);
    });
    let problems = problems.unwrap_err().to_string();
    assert!(
        problems.contains("t:2:4: b.x: lies below a value that is not a mapping"),
        "{problems}"
    );
    assert!(problems.contains("--c-x: c.x: is not YAML: "), "{problems}");
}

#[test]
fn a_required_choice_must_be_there() {
    let choices = [("x", 1), ("y", 2), ("z", 3)];
    let read_a = |text| read(text, |section| section.required_choice("a", &choices));
    assert_eq!(read_a("a: y"), Ok(Some(2)));
    assert_eq!(
        read_a("{}").unwrap_err().to_string(),
        "t:1:1: a: is missing; add one of `x`, `y` or `z`\n"
    );
    assert_eq!(read_a("a: w").unwrap_err().0.len(), 1);
}

#[test]
fn a_layer_inherits_what_was_asked_for_and_each_value_keeps_its_place() {
    let text =
        "n: 1\nl: [{k: a, x: -1}]\nu: 1\nover: [{l: [{k: b}, {k: a, y: -2}]}, {n: -3, u: 2}]\n";
    let list = NamedList {
        key: "l",
        name: "k",
    };
    let read_one = |section: &mut Section| {
        let n = section.integer("n", 0, 0..=9);
        let items = section.list("l", &[], |item| {
            (
                item.string("k", ""),
                item.integer("x", 0, 0..=9),
                item.integer("y", 7, 0..=9),
            )
        });
        (n, items)
    };
    let mut layers = Vec::new();
    let problems = read(text, |section| {
        read_one(section);
        layers = section.layers(("over", 2), list, &[], |layer, _| read_one(layer));
    });
    let item = |name: &str, y| (name.to_owned(), 0, y);
    assert_eq!(
        layers,
        [
            (1, vec![item("a", 7), item("b", 7)]),
            (0, vec![item("a", 7)])
        ]
    );
    let expected = "\
t:2:15: l[0].x: must be a whole number from 0 to 9, found -1
t:3:1: u: unknown key; known here: n, l, over
t:4:31: over[0].l[1].y: must be a whole number from 0 to 9, found -2
t:4:42: over[1].n: must be a whole number from 0 to 9, found -3
t:4:46: over[1].u: unknown key; known here: n, l
";
    assert_eq!(problems.unwrap_err().to_string(), expected);
}

#[test]
fn an_unknown_kind_hides_the_keys_beside_it() {
    let problems = read("a: x\nb: 1", |section| {
        section.choice("a", &[("y", ())], ());
        section.skip_rest();
    });
    assert_eq!(problems.unwrap_err().0.len(), 1);
}

#[test]
fn the_rendering_is_yaml_a_person_would_write() {
    let effective = read("", |section| {
        section.strings_or("listen", &["127.0.0.1:1", "local"]);
        section.section("policy", |policy| {
            policy.positive("multiple", 50.0);
            policy.list("gates", &[("name", "a"), ("name", "no")], |gate| {
                gate.string("name", "");
                gate.rates("rates");
            });
        });
        section.effective()
    });
    let expected = "\
listen: [\"127.0.0.1:1\", local]
policy:
  multiple: 50.0
  gates:
    - name: a
      rates: {}
    - name: \"no\"
      rates: {}
";
    assert_eq!(effective.unwrap().to_yaml(), expected);
}

proptest! {
    #[test]
    fn a_rendering_parses_back_to_the_same(effective in effective()) {
        let text = effective.to_yaml();
        let node = yaml::parse(&text, &yaml::Origin::File("t"), &mut Vec::new());
        prop_assert_eq!(meaning(&node.unwrap()), effective, "{}", text);
    }

    #[test]
    fn any_text_parses_or_is_refused(text in "[-?:,\\[\\]{}&*!|>'\"%@` a1\n]{0,40}") {
        let parsed = Document::parse(&text, "t");
        prop_assert!(parsed.is_ok() || !parsed.unwrap_err().0.is_empty());
    }
}

fn effective() -> impl Strategy<Value = Effective> {
    let text = prop_oneof![
        any::<String>(),
        "[a-z0-9.:/~-]{0,6}",
        Just("null".to_owned()),
        Just("1e5".to_owned())
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Effective::Flag),
        any::<i128>().prop_map(Effective::Integer),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Effective::Number),
        text.clone().prop_map(Effective::Text),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Effective::List),
            prop::collection::btree_map(text.clone(), inner, 0..5)
                .prop_map(|entries| Effective::Mapping(entries.into_iter().collect())),
        ]
    })
}

/// The tree of a parsed text, as if every key had been asked for.
fn meaning(node: &Node) -> Effective {
    match &node.value {
        Value::Null => panic!("no rendering holds nothing"),
        Value::Flag(flag) => Effective::Flag(*flag),
        Value::Integer(integer) => Effective::Integer(*integer),
        Value::Number(number) => Effective::Number(*number),
        Value::Text(text) => Effective::Text(text.clone()),
        Value::List(items) => Effective::List(items.iter().map(meaning).collect()),
        Value::Mapping(entries) => Effective::Mapping(
            entries
                .iter()
                .map(|entry| (entry.key.clone(), meaning(&entry.node)))
                .collect(),
        ),
    }
}

fn read<T>(text: &str, read: impl FnOnce(&mut Section) -> T) -> Result<T, Problems> {
    Document::parse(text, "t")?.read(read)
}
