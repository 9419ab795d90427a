//! Categories and the taxonomies they belong to.
//!
//! Category ids are short, and compared often: each becomes a [`CategoryKey`] of eight bytes when it is
//! read, which those of a compact list are when they are looked at.

use std::sync::LazyLock;

use super::category_key::CategoryKey;
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

    /// The category whose id begins at `at` and goes on with `behind_prefix`, as far as a [key](CategoryKey::of_plain) can be
    /// made of it, and the bytes of the id.
    #[inline(always)]
    pub(super) fn plain(at: usize, behind_prefix: [u8; 8]) -> Option<(Self, usize)> {
        let (content_1, len) = CategoryKey::of_plain(behind_prefix)?;
        let id = Text::at(at, len);
        Some((Self { id, content_1 }, len))
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

impl CategoryKey {
    /// The categories above this one in `table`, nearest first.
    pub(crate) fn ancestors(self, table: Option<TaxonomyTable>) -> impl Iterator<Item = Self> {
        let mut below = self;
        // Bounded: published tables have contained categories that are their own parent.
        (0..DEPTH_MAX).map_while(move |_| {
            below = table?.parent(below)?;
            Some(below)
        })
    }
}

/// Levels of the deepest table, Ad Product 2.0 and Content 3.1 having at most four.
const DEPTH_MAX: usize = 8;

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
            Self::Content1 => return category.content_1_parent(),
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
mod tests {
    use super::{CategoryTaxonomy, TaxonomyTable};

    fn below(taxonomy: i64, category: &str, ancestor: &str) -> bool {
        let taxonomy = CategoryTaxonomy(taxonomy);
        let ancestor = taxonomy.key(ancestor.as_bytes());
        taxonomy
            .key(category.as_bytes())
            .ancestors(taxonomy.table())
            .any(|above| above == ancestor)
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
