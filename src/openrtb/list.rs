//! Lists of strings of a payload, those of a kind one behind the other.

use std::ops::Range;

use super::category::Category;
use super::fault::Read;
use super::json::Reader;
use super::text::{Text, trim};

/// Positions of a list's entries, one behind the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct List {
    start: u32,
    end: u32,
}

impl List {
    /// Positions fit: there is less than one entry a byte, and bytes are below 2^31.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let [start, end] = [start, end].map(|position| u32::try_from(position).unwrap_or(u32::MAX));
        Self { start, end }
    }

    pub(crate) const fn len(self) -> usize {
        self.end as usize - self.start as usize
    }

    /// Positions of the entries.
    pub(crate) const fn positions(self) -> Range<u32> {
        self.start..self.end
    }

    /// The entries of the list.
    pub(crate) fn of<T>(self, entries: &[T]) -> &[T] {
        entries
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// The entries of every list that was read of a payload.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    categories: Vec<Category>,
    texts: Vec<Text>,
}

impl Lists {
    pub(crate) fn clear(&mut self) {
        self.categories.clear();
        self.texts.clear();
    }

    /// The entries of a list of [`categories`](Self::read_categories).
    pub(crate) fn categories(&self, list: List) -> &[Category] {
        list.of(&self.categories)
    }

    /// The entries of a list of any other kind.
    pub(crate) fn texts(&self, list: List) -> &[Text] {
        list.of(&self.texts)
    }

    /// Reads an array of category ids. Entries that are not strings, or blank, are ignored; white space around an id
    /// is not part of it (spec: gates, introduction and bcatCompliance).
    pub(crate) fn read_categories(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        let start = self.categories.len();
        reader.entries(|entry| {
            if let Some((id, bytes)) = entry.map(trim)
                && !bytes.is_empty()
            {
                self.categories.push(Category::new(id, bytes));
            }
        })?;
        Ok(List::new(start, self.categories.len()))
    }

    /// Reads an array of strings, without white space around them. Entries that are not strings, or blank, are ignored.
    pub(crate) fn read_texts(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        let start = self.texts.len();
        reader.entries(|entry| {
            let text = entry.map(|entry| trim(entry).0);
            self.texts.extend(text.filter(|text| !text.is_empty()));
        })?;
        Ok(List::new(start, self.texts.len()))
    }

    /// Reads an array of advertiser domains, without white space around them. An entry that is not a string is kept
    /// as an empty one: both are wrong for the same reason (spec: gates, adomainVerify rule 1).
    pub(crate) fn read_domains(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        let start = self.texts.len();
        reader.entries(|entry| {
            let domain = entry.map_or_else(Text::default, |entry| trim(entry).0);
            self.texts.push(domain);
        })?;
        Ok(List::new(start, self.texts.len()))
    }
}
