//! Does the bid keep to the categories that the request blocks or allows? (spec: gates, bcatCompliance)
use super::Finding;
use crate::oracle::auction::{Auction, Bid, categories, taxonomy};
use crate::oracle::taxonomy::{comparable, normal, self_and_ancestors};

pub(crate) struct Rules {
    pub(crate) hierarchical: bool,
    pub(crate) fail_on_unknown_category: bool,
    pub(crate) fail_on_taxonomy_mismatch: bool,
}

/// "both absent or empty -> SKIPPED `no_block_list`"
pub(crate) fn skip_reason(auction: &Auction<'_>) -> Option<&'static str> {
    let listed = |key| !categories(auction.request, key).is_empty();
    (!listed("bcat") && !listed("acat")).then_some("no_block_list")
}

pub(crate) fn judge(rules: &Rules, auction: &Auction<'_>, bid: &Bid<'_>) -> Option<Finding> {
    // 1 "no `cat` -> N `unknown_category` (F if `unknown_category=fail`)."
    let cats = bid.categories();
    if cats.is_empty() {
        return Some(Finding::fails_if(
            rules.fail_on_unknown_category,
            "unknown_category",
        ));
    }
    // 2 "Not comparable -> N `taxonomy_mismatch` (F if so configured)."
    let bid_taxonomy = bid.taxonomy();
    if !comparable(&taxonomy(auction.request), &bid_taxonomy) {
        return Some(Finding::fails_if(
            rules.fail_on_taxonomy_mismatch,
            "taxonomy_mismatch",
        ));
    }
    // "The list is `bcat`; when it is absent or empty, `acat`"
    let blocked = categories(auction.request, "bcat");
    let allowed = categories(auction.request, "acat");
    let list = if blocked.is_empty() {
        &allowed
    } else {
        &blocked
    };
    let listed = |cat: &&str| {
        let mut line = self_and_ancestors(&bid_taxonomy, cat);
        line.truncate(if rules.hierarchical { usize::MAX } else { 1 });
        list.iter()
            .any(|entry| line.contains(&normal(&bid_taxonomy, entry)))
    };
    // 3 "`bcat`: a cat equal to an entry, or (hierarchical) below one -> F `blocked_category`. `acat`: a cat neither equal
    // to nor below any entry -> F `category_not_allowed`."
    if blocked.is_empty() {
        return (!cats.iter().all(listed)).then_some(Finding::Fails("category_not_allowed"));
    }
    cats.iter()
        .any(listed)
        .then_some(Finding::Fails("blocked_category"))
}
