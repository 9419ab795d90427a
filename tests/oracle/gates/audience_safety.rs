//! Is the creative fit for children, where the inventory is for them? (spec: gates, audienceSafety)
use super::Finding;
use crate::oracle::auction::{Auction, Bid, categories, is_set, taxonomy, text};
use crate::oracle::json::Node;
use crate::oracle::policy::AudienceSafety;
use crate::oracle::taxonomy::{normal, self_and_ancestors, table};

/// "Child-directed when any holds [..]. Otherwise -> SKIPPED `not_child_directed`."
pub(crate) fn skip_reason(options: &AudienceSafety, auction: &Auction<'_>) -> Option<&'static str> {
    let request = auction.request;
    let contents = ["site", "app"].map(|key| {
        request
            .get(key)
            .and_then(|inventory| inventory.get("content"))
    });
    let child_directed = is_coppa(request)
        || contents
            .into_iter()
            .flatten()
            .any(|content| has_child_category(content) || has_child_rating(content))
        || request
            .get("app")
            .is_some_and(|app| has_keyword(app, &options.bundle_keywords));
    (!child_directed).then_some("not_child_directed")
}

/// (a) "`regs.coppa` or `regs.ext.coppa` is 1, true or "1""
fn is_coppa(request: &Node) -> bool {
    let regs = request.get("regs");
    let ext = regs.and_then(|regs| regs.get("ext"));
    [regs, ext]
        .into_iter()
        .flatten()
        .any(|node| is_set(node, "coppa"))
}

/// (b) "a `cat` of `site.content` or `app.content`, under that object's `cattax` (absent -> 1): 2, 5, 6 -> `645 344 334 45`;
/// 7, 9 -> `645 344`"
fn has_child_category(content: &Node) -> bool {
    let children: &[&str] = match taxonomy(content).as_str() {
        "2" | "5" | "6" => &["645", "344", "334", "45"],
        "7" | "9" => &["645", "344"],
        _ => &[],
    };
    categories(content, "cat")
        .iter()
        .any(|id| children.contains(&id.trim_ascii()))
}

/// (c) "`content.contentrating`, trimmed and upper-cased, is `TV-Y` or begins with `TV-Y7`"
fn has_child_rating(content: &Node) -> bool {
    let rating = text(content, "contentrating")
        .unwrap_or_default()
        .trim_ascii()
        .to_ascii_uppercase();
    rating == "TV-Y" || rating.starts_with("TV-Y7")
}

/// (d) "a token of `app.bundle` or `app.name` [..] is in `bundle_keywords`"
fn has_keyword(app: &Node, keywords: &[String]) -> bool {
    let names = ["bundle", "name"].map(|key| text(app, key));
    names
        .into_iter()
        .flatten()
        .flat_map(tokens)
        .any(|token| keywords.contains(&token))
}

/// "split at every non-alphanumeric, at digit boundaries and at camel-case humps, lower-cased"
pub(crate) fn tokens(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut tokens = vec![String::new()];
    for (at, &character) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| chars[before]);
        if !character.is_alphanumeric()
            || before.is_some_and(|before| is_boundary(before, character, chars.get(at + 1)))
        {
            tokens.push(String::new());
        }
        if character.is_alphanumeric() {
            tokens.last_mut().unwrap().extend(character.to_lowercase());
        }
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

/// A hump is where a lower-case letter meets an upper-case one, and before the last capital of a run that a lower-case
/// letter follows: `ABCKids` is `abc`, `kids`.
fn is_boundary(before: char, character: char, after: Option<&char>) -> bool {
    let digits = before.is_numeric() != character.is_numeric();
    let hump = before.is_lowercase() && character.is_uppercase();
    let end_of_run = before.is_uppercase()
        && character.is_uppercase()
        && after.is_some_and(|after| after.is_lowercase());
    digits || hump || end_of_run
}

pub(crate) fn judge(options: &AudienceSafety, bid: &Bid<'_>) -> Option<Finding> {
    // 1 "`qagmediarating` is 2 or 3 -> F `child_unsafe_rating`."
    let rating = bid.node.get("qagmediarating").and_then(Node::integer);
    if matches!(rating.as_deref(), Some("2" | "3")) {
        return Some(Finding::Fails("child_unsafe_rating"));
    }
    let categories = bid.categories();
    // 3 "no `cat` at all -> N `unknown_category`; with `strict`, F."
    if categories.is_empty() {
        return Some(Finding::fails_if(options.strict, "unknown_category"));
    }
    // 2 "any `cat`, under `bid.cattax` (absent -> 1), is in, or below, an unsafe category of that taxonomy -> F
    // `child_unsafe_category`." "others have no table: N `taxonomy_unknown`"
    let taxonomy = bid.taxonomy();
    let Some(table) = table(&taxonomy) else {
        return Some(Finding::Note("taxonomy_unknown"));
    };
    let unsafe_ids: Vec<_> = options.unsafe_ids[table]
        .iter()
        .map(|id| normal(&taxonomy, id))
        .collect();
    let mut lines = categories
        .iter()
        .flat_map(|id| self_and_ancestors(&taxonomy, id));
    lines
        .any(|id| unsafe_ids.contains(&id))
        .then_some(Finding::Fails("child_unsafe_category"))
}
