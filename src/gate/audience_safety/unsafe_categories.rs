//! The categories that are unsafe on child-directed inventory.

use crate::document::Section;
use crate::openrtb::{CategoryKey, TaxonomyTable};

/// One row per category: table, tier, id.
const DEFAULT: &str = include_str!("../../../data/coppa_unsafe.tsv");

/// Unsafe categories of every taxonomy table.
#[derive(Debug)]
pub(super) struct UnsafeCategories {
    /// In the order of [`TaxonomyTable::ALL`].
    tables: [Set; TaxonomyTable::ALL.len()],
}

/// Unsafe categories of one table. INVARIANT (sorted set): keys ascend; `long` holds the ids of the inexact ones.
#[derive(Debug, Default)]
struct Set {
    keys: Vec<CategoryKey>,
    long: Vec<Box<[u8]>>,
}

impl UnsafeCategories {
    /// `unsafe_categories` in place of tier A; `strict` adds tier B.
    pub(super) fn compile(options: &mut Section, strict: bool) -> Self {
        let own = own_categories(options);
        Self {
            tables: TaxonomyTable::ALL.map(|table| Set::compile(table, own(table), strict)),
        }
    }

    /// True when `category` is unsafe or below an unsafe one.
    pub(super) fn contain(&self, table: TaxonomyTable, category: &[u8]) -> bool {
        let Some(set) = self.tables.get(table as usize) else {
            return false;
        };
        let key = table.taxonomy().key(category);
        set.contains(table, key, category)
            || key
                .ancestors(Some(table))
                .any(|above| set.contains(table, above, &[]))
    }
}

/// What the policy says in place of tier A: a mapping from tables to ids, or one list of ids for every table.
/// Tables it says nothing about keep tier A.
fn own_categories(options: &mut Section) -> impl Fn(TaxonomyTable) -> Option<Vec<String>> {
    let mut by_table: Vec<(TaxonomyTable, Vec<String>)> = Vec::new();
    if options.holds_mapping(KEY) {
        options.section(KEY, |tables| {
            for table in TaxonomyTable::ALL {
                let ids = tables.optional_strings(table.name());
                by_table.extend(ids.map(|ids| (table, ids)));
            }
        });
    }
    if options.holds_other(KEY)
        && let Some(ids) = options.optional_strings(KEY)
    {
        by_table.extend(TaxonomyTable::ALL.map(|table| (table, ids.clone())));
    }
    move |table| {
        by_table
            .iter()
            .find(|(named, _)| *named == table)
            .map(|(_, ids)| ids.clone())
    }
}

const KEY: &str = "unsafe_categories";

impl Set {
    fn compile(table: TaxonomyTable, own: Option<Vec<String>>, strict: bool) -> Self {
        let own = own.unwrap_or_else(|| defaults(table, "A"));
        let tier_b = if strict {
            defaults(table, "B")
        } else {
            Vec::new()
        };
        let mut set = Self::default();
        own.iter()
            .chain(&tier_b)
            .for_each(|id| set.insert(table, id.trim()));
        set.keys.sort_unstable();
        set
    }

    fn insert(&mut self, table: TaxonomyTable, id: &str) {
        let key = table.taxonomy().key(id.as_bytes());
        self.keys.push(key);
        if !key.is_exact() {
            self.long.push(id.as_bytes().into());
        }
    }

    fn contains(&self, table: TaxonomyTable, key: CategoryKey, id: &[u8]) -> bool {
        self.keys.binary_search(&key).is_ok()
            && (key.is_exact() || self.long.iter().any(|long| table.taxonomy().same(long, id)))
    }
}

/// The ids of a tier in the published table.
fn defaults(table: TaxonomyTable, tier: &str) -> Vec<String> {
    let row = |line: &str| {
        let mut columns = line.split('\t');
        let wanted = columns.next() == Some(table.name()) && columns.next() == Some(tier);
        columns.next().filter(|_| wanted).map(str::to_owned)
    };
    DEFAULT.lines().filter_map(row).collect()
}
