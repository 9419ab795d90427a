//! Bid requests and bid responses.
use std::sync::LazyLock;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::compliance;
use super::strings::any_string;
use super::text::{Json, Member, Spelling};

pub(super) type Value = BoxedStrategy<Json>;
pub(super) type Optional = BoxedStrategy<Option<Member>>;

pub(crate) fn request() -> impl Strategy<Value = String> {
    let mut root = vec![
        field(0.95, "imp", list(imp(), 0..4)),
        field(
            0.8,
            "tmax",
            numbers(&[
                "100", "100.0", "1e2", "1.0E+2", "15", "14", "0", "-5", "99.5", "1000000",
            ]),
        ),
        field(0.5, "bcat", category_list()),
        field(0.3, "acat", category_list()),
        field(0.5, "cattax", taxonomy()),
        field(
            0.5,
            "regs",
            object(vec![
                field(0.5, "coppa", flag()),
                field(0.5, "ext", regs_ext()),
            ]),
        ),
        field(0.4, "site", object(vec![field(0.7, "content", content())])),
        field(
            0.4,
            "app",
            object(vec![
                field(0.4, "content", content()),
                field(0.6, "bundle", name()),
                field(0.6, "name", name()),
            ]),
        ),
    ];
    root.extend(compliance::of_request());
    rendered(object(root))
}

pub(crate) fn response() -> impl Strategy<Value = String> {
    let seatbid = object(vec![
        field(0.95, "bid", list(bid(), 0..5)),
        field(0.8, "seat", compliance::seat()),
    ]);
    let root = object(vec![
        field(0.05, "bidid", typed(any_string())),
        field(0.5, "cur", currency()),
        field(0.95, "seatbid", list(seatbid, 0..3)),
        field(0.9, "id", compliance::auction_id()),
    ]);
    prop_oneof![60 => rendered(root), 1 => Just(String::new())]
}

fn imp() -> Value {
    let deal_floor = prop_oneof![1 => floor(), 1 => numbers(&["2.5", "31", "1000"])].boxed();
    let mut deal = vec![
        field(0.95, "id", texts(&["d1", "d1", "d2", "D1"])),
        field(0.8, "bidfloor", deal_floor),
        field(0.6, "bidfloorcur", currency()),
    ];
    deal.extend(compliance::of_deal());
    let pmp = object(vec![
        field(0.9, "deals", list(object(deal), 1..4)),
        field(0.5, "private_auction", flag()),
    ]);
    let mut imp = vec![
        field(0.95, "id", imp_id()),
        field(0.8, "bidfloor", floor()),
        field(0.5, "bidfloorcur", currency()),
        field(0.6, "pmp", pmp),
    ];
    imp.extend(compliance::of_imp());
    object(imp)
}

fn bid() -> Value {
    let mut bid = vec![
        field(0.9, "id", or_any_text(texts(&["b1", "b2"]))),
        field(0.95, "impid", or_any_text(imp_id())),
        field(0.95, "price", price()),
        field(0.9, "adomain", array(domain(), 0..4)),
        field(0.7, "cat", categories()),
        field(0.6, "cattax", taxonomy()),
        field(0.6, "dealid", texts(&["d1", "d1", "d2", "d3"])),
        field(
            0.3,
            "qagmediarating",
            numbers(&["1", "2", "3", "2.0", "3e0", "0", "4", "2.5"]),
        ),
        field(0.1, "ext", array(any_string(), 0..3)),
    ];
    bid.extend(compliance::of_bid());
    object(bid)
}

fn regs_ext() -> Value {
    object(vec![field(0.7, "coppa", flag())])
}

fn content() -> Value {
    object(vec![
        field(0.6, "cat", categories()),
        field(0.6, "cattax", taxonomy()),
        field(
            0.4,
            "contentrating",
            texts(&[
                "TV-Y",
                " tv-y7-fv",
                "TV-Y7",
                "TV-YX",
                "TV-G",
                "PG",
                "tv-y\t",
            ]),
        ),
    ])
}

fn imp_id() -> Value {
    texts(&["1", "2", "3", "1", "2", "01", " 1", "imp-\u{e9}", "IMP"])
}

fn name() -> Value {
    texts(&[
        "com.example.kids",
        "ABCKids",
        "KIDSGames",
        "kidsGames2",
        "4kids2go",
        "kidsgames",
        "toddlerTV",
        "com.toddler-tv",
        "MyKIDS",
        "Kids",
        "123456",
        "",
    ])
}

pub(super) fn flag() -> Value {
    let numbers = numbers(&["1", "0", "1.0", "1e0", "true", "false", "2", "10e-1", "0.5"]);
    prop_oneof![4 => numbers, 1 => texts(&["1", "0", "true", " 1"])].boxed()
}

pub(super) fn floor() -> Value {
    numbers(&[
        "0", "0.05", "0.1", "0.10", "0.099999", "1", "1.5", "2e0", "-1", "1e3", "1e-3", "100",
    ])
}

fn price() -> Value {
    numbers(&[
        "0.5", "1", "5", "5.01", "50", "50.01", "54.5", "75", "76", "4999.9", "5000", "5000.01",
        "1e4", "2.5E1", "-0", "-0.0", "-0.01", "0", "-1", "1e400", "-1e400", "1e-400", "30",
        "0.01", "0.02", "0.2", "0.9",
    ])
}

pub(super) fn currency() -> Value {
    texts(&["USD", "EUR", "GBP", "JPY", " eur ", "usd", "", " ", "XYZ"])
}

fn taxonomy() -> Value {
    numbers(&[
        "1", "2", "5", "6", "7", "8", "9", "1", "6", "8", "9", "3", "4", "500", "501", "6.0",
        "7e0", "80e-1", "0", "-1", "1.5", "10",
    ])
}

pub(super) fn domain() -> Value {
    prop_oneof![
        20 => texts(DOMAINS),
        2 => "[a-zA-Z0-9.-]{0,24}".prop_map(Json::text),
        1 => "([a-z]{60,66}\\.){1,4}com".prop_map(Json::text),
        1 => "\\PC{0,12}(\\.com)?".prop_map(Json::text),
        1 => anything(),
    ]
    .boxed()
}

const DOMAINS: &[&str] = &[
    "advertiser.net",
    "www.brand.co",
    "BRAND.COM",
    " brand.com ",
    "brand.com.",
    "brand.com..",
    ".",
    "",
    " ",
    "https://brand.com",
    "brand.com/path",
    "a@b.com",
    "brand.com:80",
    "a,b.com",
    "a b.com",
    "brand\u{7f}.com",
    "1.2.3.4",
    "123",
    "1.2",
    "1..2",
    "example.com",
    "shop.example.com",
    "notexample.com",
    "localhost",
    "foo.com",
    "xfoo.com",
    "brand",
    "brand.test",
    "a.local",
    "1.in-addr.arpa",
    "co.uk",
    "com.br",
    "com",
    "brand.co.uk",
    "blogspot.com",
    "foo.ck",
    "www.ck",
    "kawasaki.jp",
    "x.kawasaki.jp",
    "city.kawasaki.jp",
    "brand.unknowntld",
    "m\u{fc}nchen.de",
    "M\u{dc}NCHEN.DE",
    "stra\u{df}e.de",
    "xn--mnchen-3ya.de",
    "xn--zzzzzzz99999.de",
    "xn--.de",
    "xn--a.de",
    "\u{516c}\u{53f8}.cn",
    "xn--55qx5d.cn",
    "a_b.com",
    "_a.m\u{fc}nchen.de",
    "-a.com",
    "a-.com",
    "r3---sn.brand.com",
    "ab--cd.m\u{fc}nchen.de",
    "a\u{3002}com",
    "\u{ff11}.\u{ff12}.\u{ff13}.\u{ff14}",
    "\u{ad}",
    "x.onion",
    "blocked.brand",
    "bar.com",
    "\u{b}brand.com",
    "test.com",
    "brand.example",
    "-m\u{fc}ller.de",
];

/// The list of a request: a few entries of any kind, or dozens of one kind and now and then another.
fn category_list() -> Value {
    let id = select(CONTENT_1_IDS.as_slice()).prop_map(Json::text);
    let long = array(prop_oneof![60 => id, 1 => category()].boxed(), 0..40);
    prop_oneof![2 => categories(), 1 => long].boxed()
}

fn categories() -> Value {
    array(category(), 0..5)
}

fn category() -> Value {
    let entry = (select(IDS.as_slice()), 0..8).prop_map(|(id, spelling)| match spelling {
        0 => Json::text(id.to_lowercase()),
        1 => Json::text(format!(" {id}\t")),
        2 => Json::text(id.replace("IAB", "IAB0")),
        3 => Json::text(id.replace('-', "-00")),
        _ => Json::text(id),
    });
    let odd = texts(&[
        "", " ", "IAB", "IAB-1", "IAB1-", "IAB1-2-3", "IAB99", "IAB25-99", "nonsense", "0211", "+1",
    ]);
    prop_oneof![12 => entry, 1 => odd, 1 => anything()].boxed()
}

/// Those of [`IDS`] that most requests are about.
static CONTENT_1_IDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let ids = IDS.iter().filter(|id| id.starts_with("IAB"));
    ids.cloned().collect()
});

/// A few families of each taxonomy many times over, so that lists and bids meet, and every id once.
static IDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    const OFTEN: [&str; 42] = [
        "IAB1", "IAB1-1", "IAB2", "IAB20", "IAB2-3", "IAB20-3", "IAB8", "IAB8-5", "IAB8-18",
        "IAB7-39", "IAB25", "IAB25-3", "IAB26-1", "IAB7-5", "IAB10-10", "1", "2", "3", "4", "22",
        "645", "344", "334", "45", "211", "210", "181", "386", "v9i3On", "Rm3SiT", "pg0WhF",
        "XtODT3", "1000", "1001", "1002", "1003", "1361", "1363", "1448", "150", "151", "SPSHQ5",
    ];
    let tables = [
        include_str!("../../data/taxonomy_content_1_0.tsv"),
        include_str!("../../data/taxonomy_content_2_2.tsv"),
        include_str!("../../data/taxonomy_content_3_1.tsv"),
        include_str!("../../data/taxonomy_ad_product_2_0.tsv"),
    ];
    let all = tables
        .into_iter()
        .flat_map(|table| table.lines().skip(1))
        .filter_map(|row| row.split('\t').next());
    OFTEN
        .iter()
        .cycle()
        .take(OFTEN.len() * 150)
        .copied()
        .chain(all)
        .map(str::to_owned)
        .collect()
});

pub(super) fn numbers(numbers: &'static [&'static str]) -> Value {
    typed(select(numbers).prop_map(Json::raw).boxed())
}

pub(super) fn texts(texts: &'static [&'static str]) -> Value {
    typed(
        (select(texts), spelling())
            .prop_map(|(text, spelling)| Json::Text(text.to_owned(), spelling))
            .boxed(),
    )
}

fn or_any_text(value: Value) -> Value {
    prop_oneof![9 => value, 1 => "\\PC{0,140}".prop_map(Json::text)].boxed()
}

pub(super) fn array(element: Value, size: std::ops::Range<usize>) -> Value {
    typed(vec(element, size).prop_map(Json::Array).boxed())
}

/// An array of objects, with an element among them now and then that is none.
pub(super) fn list(element: Value, size: std::ops::Range<usize>) -> Value {
    array(prop_oneof![30 => element, 1 => anything()].boxed(), size)
}

/// An object of these fields and some that no gate reads, in any order, sometimes with one of them twice.
pub(super) fn object(fields: Vec<Optional>) -> Value {
    let ignored = vec((ignored_key(), spelling(), anything()), 0..3);
    let twice = option::weighted(0.01, any::<prop::sample::Index>());
    let members = (fields, ignored, twice).prop_map(|(fields, ignored, twice)| {
        let mut members: Vec<Member> = fields.into_iter().flatten().collect();
        members.extend(
            ignored
                .into_iter()
                .map(|(key, spelling, value)| (key.to_owned(), spelling, value)),
        );
        if let Some(twice) = twice.filter(|_| !members.is_empty()) {
            members.push(twice.get(&members).clone());
        }
        members
    });
    typed(members.prop_shuffle().prop_map(Json::Object).boxed())
}

pub(super) fn field(probability: f64, key: &'static str, value: Value) -> Optional {
    option::weighted(
        probability,
        (spelling(), value).prop_map(move |(spelling, value)| (key.to_owned(), spelling, value)),
    )
    .boxed()
}

fn ignored_key() -> impl Strategy<Value = &'static str> {
    select(vec![
        "ext",
        "dooh",
        "burl",
        "iurl",
        "displaymanager",
        "IMP",
        "imp ",
        "",
        "price\u{0}",
        "\u{1f600}",
        "cid",
    ])
}

fn spelling() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        20 => Just(Spelling::Plain),
        1 => Just(Spelling::FirstEscaped),
        1 => Just(Spelling::AllEscaped),
    ]
}

/// Now and then a value of another type.
pub(super) fn typed(value: Value) -> Value {
    prop_oneof![40 => value, 1 => anything()].boxed()
}

/// A value that no gate expects, in which the keys that gates read may stand and stand twice.
fn anything() -> Value {
    let leaf = prop_oneof![
        4 => select(vec!["null", "true", "false", "0", "1", "-1.5e-3", "1e400", "12345678901234567890"]).prop_map(Json::raw),
        3 => "\\PC{0,8}".prop_map(Json::text),
        1 => select(vec!["}{][,:", "\\\"", "\u{1}\u{1f}", "\u{1f600}"]).prop_map(Json::text),
        1 => (1_usize..70).prop_map(|depth| Json::raw(format!("{}{}", "[".repeat(depth), "]".repeat(depth)))),
    ];
    let key = select(vec!["id", "imp", "price", "coppa", "cat", "a", "b", ""]);
    leaf.prop_recursive(3, 12, 4, move |inner| {
        let member = (key.clone(), spelling(), inner.clone())
            .prop_map(|(key, spelling, value)| (key.to_owned(), spelling, value));
        prop_oneof![
            vec(inner, 0..4).prop_map(Json::Array),
            vec(member, 0..4).prop_map(Json::Object)
        ]
    })
    .boxed()
}

fn rendered(root: Value) -> impl Strategy<Value = String> {
    let blank = select(vec!["", "", "", " ", "\n\t", "\r\n  "]);
    (root, blank).prop_map(|(root, blank)| format!("{blank}{}{blank}", root.render(blank)))
}
