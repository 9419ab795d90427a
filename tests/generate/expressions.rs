//! Expressions over the auction: every operator, function and field, of the right types, with parentheses where types
//! want them and else now and then.
use proptest::prelude::*;
use proptest::sample::select;

type Source = BoxedStrategy<String>;

pub(crate) fn expression() -> impl Strategy<Value = String> {
    (0..3_u32).prop_flat_map(condition)
}

fn condition(depth: u32) -> Source {
    let flag = select(vec!["true", "false", "request.coppa"]).prop_map(str::to_owned);
    let has = select([NUMBERS, TEXTS, LISTS].concat()).prop_map(|field| format!("has({field})"));
    let leaf = prop_oneof![1 => flag, 2 => has, 3 => comparison(0), 2 => of_texts(0)];
    let Some(deeper) = depth.checked_sub(1) else {
        return leaf.boxed();
    };
    let junction = vec![" && ", "||", " || ", "&&"];
    let chain = (
        select(junction),
        proptest::collection::vec(condition(deeper), 2..4),
    )
        .prop_map(|(sign, parts)| parts.join(sign));
    let negated = condition(deeper).prop_map(|condition| format!("!({condition})"));
    let in_parentheses = condition(deeper).prop_map(|condition| format!("( {condition} )"));
    let equal = (
        condition(deeper),
        select(vec!["==", "!="]),
        condition(deeper),
    )
        .prop_map(|(left, sign, right)| format!("({left}) {sign} ({right})"));
    prop_oneof![
        1 => leaf,
        4 => chain,
        2 => negated,
        1 => in_parentheses,
        1 => equal,
        1 => choice(deeper, condition),
        2 => comparison(deeper),
        2 => of_texts(deeper),
        3 => repeat(deeper),
    ]
    .boxed()
}

fn comparison(depth: u32) -> Source {
    let sign = || select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let numbers = (number(depth), sign(), number(depth));
    let texts = (text(depth), sign(), text(depth));
    let join = |(left, sign, right)| format!("{left} {sign} {right}");
    let among = number(depth).prop_map(|number| format!("{number} in [1, -0.5, 6, 0,20.0]"));
    prop_oneof![4 => numbers.prop_map(join), 3 => texts.prop_map(join), 1 => among].boxed()
}

fn of_texts(depth: u32) -> Source {
    let part = (
        postfixed(),
        select(vec!["startsWith", "endsWith", "contains"]),
        text(depth),
    );
    let part = part.prop_map(|(whole, function, part)| format!("{whole}.{function}({part})"));
    let pattern = select(vec!["^b", "a.*m$", ".", "^$", "kids", "1.*"]);
    let matches =
        (postfixed(), pattern).prop_map(|(text, pattern)| format!("{text}.matches(\"{pattern}\")"));
    let within = (text(depth), list()).prop_map(|(text, list)| format!("{text} in {list}"));
    prop_oneof![2 => part, 1 => matches, 2 => within].boxed()
}

/// A loop, whose condition speaks of the entry, and sometimes of another loop's.
fn repeat(depth: u32) -> Source {
    let about_entry = select(vec![
        "entry != \"\"",
        "entry.startsWith(\"IAB\")",
        "entry in bid.cat",
        "entry.contains(bid.id) || size(entry) < 5",
        "request.bcat.exists(other, other == entry)",
        "bid.adomain.all(other, other <= entry)",
    ])
    .prop_map(str::to_owned);
    let inner = prop_oneof![
        3 => about_entry.clone(),
        1 => (about_entry, comparison(depth)).prop_map(|(one, other)| format!("{one} && {other}")),
    ];
    (list(), select(vec!["exists", "all"]), inner)
        .prop_map(|(list, function, inner)| format!("{list}.{function}(entry, {inner})"))
        .boxed()
}

fn number(depth: u32) -> Source {
    let constants = vec!["0", "1", "20.0", "5e-1", "-1", "250", "1e300"];
    let leaf = prop_oneof![
        2 => select(constants).prop_map(str::to_owned),
        4 => select(NUMBERS).prop_map(str::to_owned),
        1 => list().prop_map(|list| format!("size({list})")),
    ];
    let Some(deeper) = depth.checked_sub(1) else {
        return leaf.boxed();
    };
    let sign = select(vec![" + ", " - ", "*", " / ", " % "]);
    let sum = (number(deeper), sign, number(deeper))
        .prop_map(|(left, sign, right)| format!("{left}{sign}{right}"));
    let negated = number(deeper).prop_map(|number| format!("-({number})"));
    let characters = text(deeper).prop_map(|text| format!("size({text})"));
    prop_oneof![2 => leaf, 3 => sum, 1 => negated, 1 => characters, 1 => choice(deeper, number)]
        .boxed()
}

fn text(depth: u32) -> Source {
    match depth.checked_sub(1) {
        None => postfixed(),
        Some(deeper) => prop_oneof![3 => postfixed(), 1 => choice(deeper, |_| postfixed())].boxed(),
    }
}

/// A text that a dot may follow.
fn postfixed() -> Source {
    let constants = vec![
        "\"\"",
        "'1'",
        "\"USD\"",
        "\"d1\"",
        "\"b\\\"1\"",
        "'com'",
        "\"bidder\"",
        "\"\u{e9}\"",
    ];
    prop_oneof![
        1 => select(constants).prop_map(str::to_owned),
        2 => select(TEXTS).prop_map(str::to_owned),
    ]
    .boxed()
}

fn list() -> Source {
    let constants = vec![
        "[\"1\", 'brand.com']",
        "[ \"IAB1\" ]",
        "[\"d1\",\"d2\",\"b1\"]",
    ];
    prop_oneof![
        1 => select(constants).prop_map(str::to_owned),
        3 => select(LISTS).prop_map(str::to_owned),
    ]
    .boxed()
}

fn choice(depth: u32, of: impl Fn(u32) -> Source) -> Source {
    (condition(depth.min(1)), of(depth), of(depth))
        .prop_map(|(condition, then, otherwise)| format!("({condition} ? {then} : {otherwise})"))
        .boxed()
}

const NUMBERS: &[&str] = &[
    "request.tmax",
    "request.cattax",
    "imp.bidfloor",
    "deal.bidfloor",
    "bid.price",
    "bid.price",
    "bid.cattax",
    "bid.qagmediarating",
    "call.latency_ms",
];

const TEXTS: &[&str] = &[
    "site.content.contentrating",
    "app.content.contentrating",
    "app.bundle",
    "app.name",
    "imp.id",
    "imp.bidfloorcur",
    "deal.id",
    "deal.bidfloorcur",
    "response.cur",
    "bid.id",
    "bid.impid",
    "bid.dealid",
    "call.agent_id",
    "call.tool",
];

const LISTS: &[&str] = &[
    "request.bcat",
    "request.acat",
    "site.content.cat",
    "app.content.cat",
    "bid.adomain",
    "bid.cat",
];
