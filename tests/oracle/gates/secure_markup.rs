//! Does the markup load everything over HTTPS where it must? (docs/gates/secureMarkup.md)
#![expect(
    clippy::string_slice,
    reason = "every cut is at a place that a search of the same text found"
)]

use crate::oracle::auction::{Auction, Bid, is_set};

pub(crate) fn skip_reason(auction: &Auction<'_>) -> Option<&'static str> {
    let secure = auction.imps.iter().any(|imp| is_set(imp, "secure"));
    (!secure).then_some("not_secure")
}

pub(crate) fn judge(auction: &Auction<'_>, bid: &Bid<'_>) -> Option<&'static str> {
    let imp = auction.imp_of(bid)?;
    let markup = bid.text("adm")?.to_ascii_lowercase();
    let begins = |at: &usize| {
        let rest = markup.get(*at..).unwrap_or_default();
        rest.starts_with("http://") || rest.starts_with(r"http:\/\/")
    };
    let asset = (0..markup.len())
        .filter(begins)
        .any(|at| is_asset(&markup, at));
    (is_set(imp, "secure") && asset).then_some("insecure_markup")
}

/// `markup` is in lower case.
fn is_asset(markup: &str, at: usize) -> bool {
    let before = &markup[..at];
    let opened =
        before.trim_end_matches(|c: char| c.is_ascii_whitespace() || r#""'\("#.contains(c));
    let left_out = &before[opened.len()..];
    let tag = last_tag(markup, at);
    if let Some(attribute) = opened.strip_suffix('=') {
        let attribute = attribute.trim_end_matches(|c: char| c.is_ascii_whitespace());
        let name = last_name(attribute);
        let in_front = attribute[..attribute.len() - name.len()].chars().last();
        return in_front.is_some_and(|c| c.is_ascii_whitespace() || c == '"' || c == '\'')
            && (["src", "srcset", "data", "poster", "background"].contains(&name)
                || name == "href" && tag == "link");
    }
    if let Some(key) = opened.strip_suffix(':') {
        let object = before.rfind('{').map(|brace| &before[..brace]);
        let of_link = object.is_some_and(|object| {
            let object = object.trim_end_matches(|c: char| c.is_ascii_whitespace());
            object
                .strip_suffix(':')
                .is_some_and(|key| last_key(key) == "link")
        });
        return ["url", "src"].contains(&last_key(key)) && !of_link;
    }
    if opened.ends_with('>') || opened.ends_with("[cdata[") {
        return LOADING.contains(&tag);
    }
    opened.ends_with("url") && left_out.contains('(')
}

const LOADING: [&str; 10] = [
    "mediafile",
    "mezzanine",
    "interactivecreativefile",
    "staticresource",
    "iframeresource",
    "javascriptresource",
    "executableresource",
    "vastadtaguri",
    "impression",
    "tracking",
];

/// "A tag begins at `<` before an ASCII letter, and its name are the letters, digits, `-`, `_` and `:` that follow"
fn last_tag(markup: &str, at: usize) -> &str {
    let begins = |(place, _): &(usize, &str)| {
        let next = markup[place + 1..].chars().next();
        next.is_some_and(|next| next.is_ascii_alphabetic())
    };
    let last = markup[..at].rmatch_indices('<').find(begins);
    let behind = last.map_or("", |(place, _)| &markup[place + 1..]);
    behind.split(|c| !is_of_name(c)).next().unwrap_or_default()
}

fn last_key(before: &str) -> &str {
    last_name(before.trim_end_matches(|c: char| c.is_ascii_whitespace() || r#""'\"#.contains(c)))
}

fn last_name(before: &str) -> &str {
    &before[before.trim_end_matches(is_of_name).len()..]
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_:".contains(c)
}
