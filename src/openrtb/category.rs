//! Categories and the taxonomies they belong to.
//!
//! Category ids are short, and compared often: each becomes a [`CategoryKey`] of eight bytes once, when it is read.

use std::sync::LazyLock;

use super::text::{Text, Texts};

/// Category taxonomy (AdCOM, "List: Category Taxonomies"), as in `cattax`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CategoryTaxonomy(pub i64);

/// The tables that say which category is below which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaxonomyTable {
    /// Content Taxonomy 1.0, `cattax` 1: the ids themselves tell.
    Content1,
    /// Content Taxonomy 2.2, for `cattax` 2, 5 and 6.
    Content2,
    /// Content Taxonomy 3.1, for `cattax` 7 and 9.
    Content3,
    /// Ad Product Taxonomy 2.0, `cattax` 8.
    AdProduct2,
}

impl CategoryTaxonomy {
    /// What an absent `cattax` means (OpenRTB 2.6 §3.2.1).
    pub const DEFAULT: Self = Self(1);

    /// The table of this taxonomy; none for 3, 4 and vendors' own.
    #[must_use]
    pub const fn table(self) -> Option<TaxonomyTable> {
        match self.0 {
            1 => Some(TaxonomyTable::Content1),
            2 | 5 | 6 => Some(TaxonomyTable::Content2),
            7 | 9 => Some(TaxonomyTable::Content3),
            8 => Some(TaxonomyTable::AdProduct2),
            _ => None,
        }
    }

    /// True when ids of both mean the same (spec: gates, bcatCompliance rule 2).
    #[must_use]
    pub fn comparable(self, other: Self) -> bool {
        // Ids that survive from Content 2.x to 3.x keep their meaning.
        const ONE_FAMILY: [i64; 5] = [2, 5, 6, 7, 9];
        self == other || (ONE_FAMILY.contains(&self.0) && ONE_FAMILY.contains(&other.0))
    }

    /// The id in the form in which ids of this taxonomy are compared. `id` has no white space around it.
    #[must_use]
    pub fn key(self, id: &[u8]) -> CategoryKey {
        if self == Self::DEFAULT {
            CategoryKey::of_content_1(id)
        } else {
            CategoryKey::verbatim(id)
        }
    }

    /// True when two ids whose keys are equal but not exact are the same.
    #[must_use]
    pub fn same(self, a: &[u8], b: &[u8]) -> bool {
        if self == Self::DEFAULT {
            a.eq_ignore_ascii_case(b)
        } else {
            a == b
        }
    }
}

/// A category id in normal form. Equal keys are equal ids if they are [exact](Self::is_exact).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CategoryKey(u64);

/// A category of a list: its id, and what it would be in the taxonomy of most lists, Content Taxonomy 1.0. Which one
/// counts may stand behind the list.
#[derive(Clone, Copy, Debug)]
pub struct Category {
    /// The id, without white space around it.
    pub id: Text,
    content_1: CategoryKey,
}

impl Category {
    /// The category with this `id`, which is `bytes`.
    #[inline(always)]
    pub(crate) fn new(id: Text, bytes: &[u8]) -> Self {
        Self {
            id,
            content_1: CategoryKey::of_content_1(bytes),
        }
    }

    /// The id in the form in which ids of `taxonomy` are compared. `texts` are those it was read of.
    #[must_use]
    #[inline]
    pub fn key(&self, taxonomy: CategoryTaxonomy, texts: &Texts<'_>) -> CategoryKey {
        if taxonomy == CategoryTaxonomy::DEFAULT {
            self.content_1
        } else {
            CategoryKey::verbatim(texts.bytes(self.id))
        }
    }
}

/// The top byte of a key tells its kind; below these it is the length of an id that is kept whole.
const WHOLE_MAX: usize = 7;
const HASHED: u64 = 0x40 << 56;
const CONTENT_1: u64 = 0x80 << 56;
/// Bits of each number of `IABn-m`.
const NUMBER_BITS: u32 = 30;

impl CategoryKey {
    /// `IABn` or `IABn-m`, in any case and with leading zeros; other ids count in upper case.
    #[inline(always)]
    fn of_content_1(id: &[u8]) -> Self {
        match short_content_1(id) {
            Some((tier1, tier2)) => Self::of_numbers(tier1, tier2),
            None => Self::of_unusual_content_1(id),
        }
    }

    #[inline(never)]
    fn of_unusual_content_1(id: &[u8]) -> Self {
        match content_1_numbers(id) {
            Some((tier1, tier2)) => Self::of_numbers(tier1, tier2),
            None => Self::of_bytes(id.iter().map(u8::to_ascii_uppercase)),
        }
    }

    const fn of_numbers(tier1: u64, tier2: Option<u64>) -> Self {
        let below = match tier2 {
            Some(tier2) => tier2 + 1,
            None => 0,
        };
        Self(CONTENT_1 | tier1 << NUMBER_BITS | below)
    }

    fn verbatim(id: &[u8]) -> Self {
        Self::of_bytes(id.iter().copied())
    }

    fn of_bytes(bytes: impl ExactSizeIterator<Item = u8>) -> Self {
        let len = bytes.len();
        if len <= WHOLE_MAX {
            return Self(
                bytes.fold(0, |key, byte| key << 8 | u64::from(byte)) | (len as u64) << 56,
            );
        }
        // FNV-1a; equal hashes are compared byte by byte.
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(HASHED | hash >> 8)
    }

    /// True when an equal key is an equal id.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        self.0 & HASHED == 0 || self.0 & CONTENT_1 != 0
    }

    /// The categories above this one in `table`, nearest first.
    pub(crate) fn ancestors(self, table: Option<TaxonomyTable>) -> impl Iterator<Item = Self> {
        let mut below = self;
        // Bounded: published tables have contained categories that are their own parent.
        (0..DEPTH_MAX).map_while(move |_| {
            below = table?.parent(below)?;
            Some(below)
        })
    }

    /// A number that spreads evenly over `0..1 << bits`.
    #[expect(clippy::cast_possible_truncation, reason = "the top bits are few")]
    pub(crate) const fn spread(self, bits: u32) -> usize {
        (self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
    }
}

/// Levels of the deepest table, Ad Product 2.0 and Content 3.1 having at most four.
const DEPTH_MAX: usize = 8;

/// The numbers of `IABn` or `IABn-m` with one or two digits each, which is how they are published. The id is looked
/// at as one word, its first byte lowest: this is done for every entry of every block list.
#[inline(always)]
fn short_content_1(id: &[u8]) -> Option<(u64, Option<u64>)> {
    const PREFIX: u64 = u32::from_le_bytes(*b"iab\0") as u64;
    const LOWER_CASE: u64 = 0x20_2020;
    let (head, tail) = (id.first_chunk()?, id.last_chunk()?);
    let behind_head = 8 * id.len().checked_sub(4).filter(|&more| more <= 4)?;
    let word =
        u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << behind_head;
    if (word | LOWER_CASE) & 0xff_ffff != PREFIX {
        return None;
    }
    // 0xff, which no text contains, marks the end. Nothing is decided on the way: whether there is a second number,
    // and how long either is, is beyond prediction.
    const END: u64 = 0xff;
    let (tier1, is_number, rest) = short_number(word >> 24 | !END << behind_head);
    let (tier2, is_second_number, end) = short_number(rest >> 8);
    let has_second = rest & 0xff == u64::from(b'-');
    let ends = if has_second { end & 0xff } else { rest & 0xff } == END;
    let sound = is_number & ends & (!has_second | is_second_number);
    sound.then_some((tier1, has_second.then_some(tier2)))
}

/// The number of one or two digits in the lowest bytes, whether there is one, and what is behind it.
#[inline(always)]
const fn short_number(word: u64) -> (u64, bool, u64) {
    let first = (word & 0xff).wrapping_sub(b'0' as u64);
    let second = (word >> 8 & 0xff).wrapping_sub(b'0' as u64);
    let (number, rest) = if second > 9 {
        (first, word >> 8)
    } else {
        (first.wrapping_mul(10).wrapping_add(second), word >> 16)
    };
    (number, first <= 9, rest)
}

/// The numbers of `IABn` or `IABn-m`. None for other ids, and for numbers of which a key has no room.
fn content_1_numbers(id: &[u8]) -> Option<(u64, Option<u64>)> {
    let (prefix, numbers) = id.split_at_checked(3)?;
    if !prefix.eq_ignore_ascii_case(b"IAB") {
        return None;
    }
    match numbers.iter().position(|&byte| byte == b'-') {
        None => Some((number(numbers)?, None)),
        Some(dash) => {
            let (tier1, tier2) = (numbers.get(..dash)?, numbers.get(dash + 1..)?);
            Some((number(tier1)?, Some(number(tier2)?)))
        }
    }
}

/// The value of one digit or more, of which at most [`DIGITS_MAX`] count.
fn number(digits: &[u8]) -> Option<u64> {
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    let (_, counting) = digits.split_at_checked(zeros)?;
    if digits.is_empty() || counting.len() > DIGITS_MAX as usize {
        return None;
    }
    counting.iter().try_fold(0, |number, &byte| {
        let digit = char::from(byte).to_digit(10)?;
        Some(10 * number + u64::from(digit))
    })
}

/// Numbers of so many digits fit their bits of a key.
const DIGITS_MAX: u32 = 7;
const _: () = assert!(10_u64.pow(DIGITS_MAX) < 1 << NUMBER_BITS);

impl TaxonomyTable {
    /// Every table.
    pub const ALL: [Self; 4] = [
        Self::Content1,
        Self::Content2,
        Self::Content3,
        Self::AdProduct2,
    ];

    /// The name of this table in policies and data files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Content1 => "content_1_0",
            Self::Content2 => "content_2_x",
            Self::Content3 => "content_3_x",
            Self::AdProduct2 => "ad_product_2_0",
        }
    }

    /// A taxonomy of this table.
    #[must_use]
    pub const fn taxonomy(self) -> CategoryTaxonomy {
        CategoryTaxonomy(match self {
            Self::Content1 => 1,
            Self::Content2 => 6,
            Self::Content3 => 9,
            Self::AdProduct2 => 8,
        })
    }

    /// Builds the tables, so that no auction has to wait for them.
    pub(crate) fn load_all() {
        for table in [&CONTENT_2, &CONTENT_3, &AD_PRODUCT_2] {
            LazyLock::force(table);
        }
    }

    fn parent(self, category: CategoryKey) -> Option<CategoryKey> {
        let rows = match self {
            Self::Content1 => return content_1_parent(category),
            Self::Content2 => &*CONTENT_2,
            Self::Content3 => &*CONTENT_3,
            Self::AdProduct2 => &*AD_PRODUCT_2,
        };
        let row = rows
            .binary_search_by_key(&category, |row| row.category)
            .ok()?;
        rows.get(row)?.parent
    }
}

/// `IABn-m` is below `IABn` (spec: gates, bcatCompliance).
fn content_1_parent(category: CategoryKey) -> Option<CategoryKey> {
    const TIER_2: u64 = (1 << NUMBER_BITS) - 1;
    (category.0 & CONTENT_1 != 0 && category.0 & TIER_2 != 0)
        .then_some(CategoryKey(category.0 & !TIER_2))
}

/// One category of a table. Tables are sorted by category.
#[derive(Debug)]
struct Row {
    category: CategoryKey,
    parent: Option<CategoryKey>,
}

static CONTENT_2: LazyLock<Vec<Row>> =
    LazyLock::new(|| rows(include_str!("../../data/taxonomy_content_2_2.tsv")));
static CONTENT_3: LazyLock<Vec<Row>> =
    LazyLock::new(|| rows(include_str!("../../data/taxonomy_content_3_1.tsv")));
static AD_PRODUCT_2: LazyLock<Vec<Row>> =
    LazyLock::new(|| rows(include_str!("../../data/taxonomy_ad_product_2_0.tsv")));

fn rows(tsv: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = tsv
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once('\t'))
        .map(|(id, parent)| Row {
            category: CategoryKey::verbatim(id.as_bytes()),
            parent: (!parent.is_empty()).then(|| CategoryKey::verbatim(parent.as_bytes())),
        })
        .collect();
    rows.sort_unstable_by_key(|row| row.category);
    rows
}

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the size of proptest's error is not ours"
)]
mod tests {
    use super::{CategoryTaxonomy, TaxonomyTable, content_1_numbers, short_content_1};
    use proptest::prelude::*;

    fn below(taxonomy: i64, category: &str, ancestor: &str) -> bool {
        let taxonomy = CategoryTaxonomy(taxonomy);
        let ancestor = taxonomy.key(ancestor.as_bytes());
        taxonomy
            .key(category.as_bytes())
            .ancestors(taxonomy.table())
            .any(|above| above == ancestor)
    }

    #[test]
    fn content_1_ids_are_compared_by_their_numbers() {
        let key = |id: &str| CategoryTaxonomy(1).key(id.as_bytes());
        assert_eq!(key("iab8-05"), key("IAB8-5"));
        assert_eq!(key("IAB008"), key("IAB8"));
        assert_ne!(key("IAB2"), key("IAB20"));
        assert_ne!(key("IAB8"), key("IAB8-0"));
        assert_ne!(key("IAB-1"), key("IAB1"));
        assert_eq!(key("iab-1"), key("IAB-1"));
    }

    proptest! {
        #[test]
        fn the_short_way_finds_what_the_long_one_does(tail in "[0-9-]{0,6}|[0-9]{1,2}(-[0-9]{1,2})?|.{0,5}", prefix in "IAB|iab|Iab|IAC|") {
            let id = format!("{prefix}{tail}");
            let short = short_content_1(id.as_bytes());
            prop_assert!(short.is_none() || short == content_1_numbers(id.as_bytes()));
            let published = content_1_numbers(id.as_bytes()).is_some_and(|(tier1, tier2)| tier1 < 100 && tier2.unwrap_or(0) < 100);
            prop_assert_eq!(short.is_some(), published && tail.split('-').all(|number| number.len() <= 2));
        }
    }

    #[test]
    fn other_ids_are_case_sensitive() {
        let key = |id: &str| CategoryTaxonomy(6).key(id.as_bytes());
        assert_ne!(key("XtODT3"), key("xtODT3"));
        assert_ne!(key("1"), key("01"));
        assert_ne!(key("a"), key("\0a"));
    }

    #[test]
    fn ids_up_to_seven_bytes_are_kept_whole() {
        let taxonomy = CategoryTaxonomy(500);
        assert!(taxonomy.key(b"1234567").is_exact());
        assert!(!taxonomy.key(b"12345678").is_exact());
        assert!(CategoryTaxonomy(1).key(b"IAB17-44").is_exact());
    }

    #[test]
    fn a_category_is_below_its_ancestors_only() {
        assert!(below(1, "IAB25-3", "IAB25"));
        assert!(!below(1, "IAB25", "IAB25-3"));
        assert!(!below(1, "IAB20-1", "IAB2"));
        assert!(
            below(6, "3", "1"),
            "Commercial Trucks, Auto Body Styles, Automotive"
        );
        assert!(below(8, "1003", "1002"));
        assert!(!below(8, "1002", "1002"));
    }

    #[test]
    fn every_table_is_walked_to_its_end() {
        for table in TaxonomyTable::ALL {
            let Some(rows) = (match table {
                TaxonomyTable::Content1 => None,
                TaxonomyTable::Content2 => Some(&*super::CONTENT_2),
                TaxonomyTable::Content3 => Some(&*super::CONTENT_3),
                TaxonomyTable::AdProduct2 => Some(&*super::AD_PRODUCT_2),
            }) else {
                continue;
            };
            assert!(rows.iter().all(|row| row.category.is_exact()));
            assert!(
                rows.iter()
                    .all(|row| row.category.ancestors(Some(table)).count() < super::DEPTH_MAX)
            );
        }
    }
}
