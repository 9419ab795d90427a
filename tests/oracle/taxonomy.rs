//! Category ids: how they are written, and which is below which.
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The names under which unsafe categories are listed.
pub(crate) const TABLES: [&str; 4] = [
    "content_1_0",
    "content_2_x",
    "content_3_x",
    "ad_product_2_0",
];

/// "1 -> `content_1_0`; 2, 5, 6 -> `content_2_x`; 7, 9 -> `content_3_x`; 8 -> `ad_product_2_0`; others have no table."
pub(crate) fn table(taxonomy: &str) -> Option<&'static str> {
    match taxonomy {
        "1" => Some("content_1_0"),
        "2" | "5" | "6" => Some("content_2_x"),
        "7" | "9" => Some("content_3_x"),
        "8" => Some("ad_product_2_0"),
        _ => None,
    }
}

/// "taxonomies comparable = equal, or both in {2, 5, 6, 7, 9}"
pub(crate) fn comparable(one: &str, other: &str) -> bool {
    let numeric = |taxonomy| ["2", "5", "6", "7", "9"].contains(&taxonomy);
    one == other || (numeric(one) && numeric(other))
}

/// "Ids: trimmed; under taxonomy 1 upper-cased, and leading zeros of both numbers dropped (`iab8-05` = `IAB8-5`);
/// elsewhere case-sensitive."
pub(crate) fn normal(taxonomy: &str, id: &str) -> String {
    let trimmed = id.trim_ascii();
    if taxonomy != "1" {
        return trimmed.to_owned();
    }
    let upper = trimmed.to_ascii_uppercase();
    match iab_numbers(&upper) {
        Some((tier_1, Some(tier_2))) => {
            format!("IAB{}-{}", without_zeros(tier_1), without_zeros(tier_2))
        }
        Some((tier_1, None)) => format!("IAB{}", without_zeros(tier_1)),
        None => upper,
    }
}

/// The numbers of `IABn` or `IABn-m`.
fn iab_numbers(id: &str) -> Option<(&str, Option<&str>)> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = id.strip_prefix("IAB")?;
    match numbers.split_once('-') {
        Some((n, m)) => (is_number(n) && is_number(m)).then_some((n, Some(m))),
        None => is_number(numbers).then_some((numbers, None)),
    }
}

fn without_zeros(number: &str) -> &str {
    let significant = number.trim_start_matches('0');
    if significant.is_empty() {
        "0"
    } else {
        significant
    }
}

/// The id itself and all that it is below, in normal form.
///
/// "Under taxonomy 1, `IABn-m` is below `IABn`; elsewhere by the parent column of the bid's own taxonomy (2, 5, 6 ->
/// 2.2; 7, 9 -> 3.1; 8 -> Ad Product 2.0), walked with a bound. Taxonomies without a table: equality only."
pub(crate) fn self_and_ancestors(taxonomy: &str, id: &str) -> Vec<String> {
    let id = normal(taxonomy, id);
    let mut line = vec![id.clone()];
    match table(taxonomy) {
        Some("content_1_0") => {
            if let Some((tier_1, Some(_))) = iab_numbers(&id) {
                line.push(format!("IAB{tier_1}"));
            }
        }
        Some(table) => {
            let parents = &PARENTS[table];
            while let Some(parent) = parents
                .get(line[line.len() - 1].as_str())
                .filter(|parent| !parent.is_empty())
            {
                if line.len() > parents.len() {
                    break;
                }
                line.push((*parent).to_owned());
            }
        }
        None => {}
    }
    line
}

/// The ids of a tier of `data/coppa_unsafe.tsv`.
pub(crate) fn unsafe_tier(table: &str, tier: &str) -> Vec<String> {
    let rows = include_str!("../../data/coppa_unsafe.tsv").lines().skip(1);
    let cells = rows.map(|row| row.split('\t').collect::<Vec<_>>());
    cells
        .filter(|cells| cells[0] == table && cells[1] == tier)
        .map(|cells| cells[2].to_owned())
        .collect()
}

type Parents = BTreeMap<&'static str, &'static str>;

static PARENTS: LazyLock<BTreeMap<&'static str, Parents>> = LazyLock::new(|| {
    BTreeMap::from([
        (
            "content_2_x",
            parents(include_str!("../../data/taxonomy_content_2_2.tsv")),
        ),
        (
            "content_3_x",
            parents(include_str!("../../data/taxonomy_content_3_1.tsv")),
        ),
        (
            "ad_product_2_0",
            parents(include_str!("../../data/taxonomy_ad_product_2_0.tsv")),
        ),
    ])
});

fn parents(tsv: &'static str) -> Parents {
    tsv.lines()
        .skip(1)
        .filter_map(|row| row.split_once('\t'))
        .collect()
}
