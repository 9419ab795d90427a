//! Lists of strings of a payload, all in one vector.

use std::ops::Range;

use super::fault::Read;
use super::json::Reader;
use super::text::Text;

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
    texts: Vec<Text>,
}

impl Lists {
    pub(crate) fn clear(&mut self) {
        self.texts.clear();
    }

    /// The entries of `list`.
    pub(crate) fn of(&self, list: List) -> &[Text] {
        list.of(&self.texts)
    }

    /// Reads an array of category ids. Entries that are not strings, or blank, are ignored; white space around an id
    /// is not part of it (spec: gates, introduction and bcatCompliance).
    pub(crate) fn categories(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        self.read(reader, |id| id.filter(|id| !id.is_empty()))
    }

    /// Reads an array of advertiser domains. An entry that is not a string is kept as an empty one: both are wrong
    /// for the same reason (spec: gates, adomainVerify rule 1).
    pub(crate) fn domains(&mut self, reader: &mut Reader<'_>) -> Read<List> {
        self.read(reader, |domain| Some(domain.unwrap_or_default()))
    }

    /// `keep` tells what to keep of an entry: its text without white space around it, none when it is not a string.
    fn read(
        &mut self,
        reader: &mut Reader<'_>,
        keep: impl Fn(Option<Text>) -> Option<Text>,
    ) -> Read<List> {
        let start = self.texts.len();
        reader.array(|reader| {
            let text = reader.text()?.map(|text| reader.texts().trim(text));
            if let Some(text) = keep(text) {
                self.texts.push(text);
            }
            Ok(())
        })?;
        Ok(List::new(start, self.texts.len()))
    }
}
