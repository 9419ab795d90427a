//! Lists of category ids that are kept as they stand.
//!
//! A block list has dozens of entries and a bid two or three categories: of nearly every entry, all that is ever asked is
//! whether it is one of those, and it is not. Lists in the form in which nearly all requests write them are therefore
//! checked 64 bytes at a time, not read, and searched the same way.

use fearless_simd::{Level, Simd, dispatch, mask8x64, prelude::*, u8x16, u8x64};

use super::category::Category;
use super::category_key::CategoryKey;
use super::scan::{BLOCK, parities};
use super::text::{Text, Texts};

/// A list of ids of Content Taxonomy 1.0 in an array without white space, as in `["IAB7-39","IAB25"]`.
///
/// INVARIANT (compact): every entry is `IAB` in any case, a digit that is no zero, and any digits and dashes, but no zero
/// behind a dash; no escapes. It has at most 16 bytes an entry, and no id of 128: going from entry to entry costs the same for
/// each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Compact {
    /// Where it stands in the payload, without its brackets.
    start: usize,
    end: usize,
    entries: usize,
}

impl Compact {
    /// The list between two brackets of the payload, from `start` to `end`. None when it is not compact.
    #[inline]
    pub(super) fn new(level: Level, payload: &[u8], start: usize, end: usize) -> Option<Self> {
        let entries = dispatch!(level, simd => count(simd, payload, start, end))?;
        Some(Self {
            start,
            end,
            entries,
        })
    }

    pub(super) const fn len(self) -> usize {
        self.entries
    }
}

/// Category ids of a bid request: read one by one, or kept as they stand.
#[derive(Clone, Copy, Debug)]
pub struct Categories<'a> {
    read: &'a [Category],
    compact: Compact,
    texts: Texts<'a>,
    level: Level,
}

impl<'a> Categories<'a> {
    pub(super) const fn new(
        read: &'a [Category],
        compact: Compact,
        texts: Texts<'a>,
        level: Level,
    ) -> Self {
        Self {
            read,
            compact,
            texts,
            level,
        }
    }

    /// Entries of the list.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.read.len() + self.compact.entries
    }

    /// True when the list has no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every entry, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = Category> + use<'a> {
        let (payload, end) = (self.texts.payload(), self.compact.end);
        let mut at = self.compact.start;
        let compact = std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (category, next) = entry(payload, at)?;
            at = next;
            Some(category)
        });
        self.read.iter().copied().chain(compact)
    }

    /// Calls `look` with every entry that may be one of those `wanted`, and perhaps with others, in the order of the list.
    #[inline]
    pub(crate) fn for_each_like(&self, wanted: &Likeness, mut look: impl FnMut(Category)) {
        self.read.iter().copied().for_each(&mut look);
        if self.compact.entries > 0 {
            let (payload, list) = (self.texts.payload(), self.compact);
            let look = |at| entry(payload, at).map(|(category, _)| look(category));
            dispatch!(self.level, simd => search(simd, payload, list, wanted, look));
        }
    }
}

/// The entry of a compact list of which the opening quote stands at `at`, and where that of the next one does.
fn entry(payload: &[u8], at: usize) -> Option<(Category, usize)> {
    let behind_prefix = payload.get(at + 4..)?.first_chunk();
    let plain = behind_prefix.and_then(|bytes| Category::plain(at + 1, *bytes));
    let (category, len) = match plain {
        Some(plain) => plain,
        None => any_entry(payload, at + 1)?,
    };
    Some((category, at + len + 3))
}

/// The entry whose id begins at `at`, whatever its length.
#[cold]
fn any_entry(payload: &[u8], at: usize) -> Option<(Category, usize)> {
    let rest = payload.get(at..)?;
    let len = rest.iter().position(|&byte| byte == b'"')?;
    let category = Category::new(Text::at(at, len), rest.get(..len)?);
    Some((category, len))
}

/// What the first bytes behind `IAB` may be, for some categories: a bit for each of eight groups of them, by the lower
/// half of the byte.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Likeness {
    behind_prefix: [[u8; 16]; 3],
}

impl Likeness {
    /// Takes in a category.
    pub(crate) fn add(&mut self, category: CategoryKey) {
        if category.is_whole() {
            // No entry of a compact list is.
            return;
        }
        let [first, second, third] = &mut self.behind_prefix;
        let Some(bytes) = category.behind_prefix() else {
            // Whatever it is like, no entry is left out.
            self.behind_prefix = [[!0; 16]; 3];
            return;
        };
        let group = 1 << ((bytes[0] ^ bytes[1]) & 7);
        add(first, bytes[0], group);
        if bytes[1] == b' ' {
            // The id ends, and what follows the quote is not part of it.
            add(second, b'"', group);
            third.iter_mut().for_each(|groups| *groups |= group);
        } else {
            add(second, bytes[1], group);
            add(third, if bytes[2] == b' ' { b'"' } else { bytes[2] }, group);
        }
    }
}

fn add(groups_of: &mut [u8; 16], byte: u8, group: u8) {
    if let Some(groups) = groups_of.get_mut(usize::from(byte & 0x0f)) {
        *groups |= group;
    }
}

/// Entries of the list from `start` to `end`, if it is compact.
#[inline(always)]
fn count<S: Simd>(simd: S, payload: &[u8], start: usize, end: usize) -> Option<usize> {
    let list = payload.get(start..end)?;
    if list.first() != Some(&b'"') || list.last() != Some(&b'"') {
        return None;
    }
    let (mut entries, mut others, mut in_string) = (0, 0, 0);
    for at in (start..end).step_by(BLOCK) {
        let [b0, b1, b2, b3, b4] = windows(simd, payload, at);
        let of_list = up_to(end - at);
        let quote = b0.simd_eq(b'"');
        let dash = b0.simd_eq(b'-');
        let prefix = is_letter(b1, b'i') & is_letter(b2, b'a') & is_letter(b3, b'b');
        let number = (b4 - b'1').simd_lt(9);
        let separator = b1.simd_eq(b',') & b2.simd_eq(b'"');

        let quotes = quote.to_bitmask() & of_list;
        if quotes == 0 {
            return None;
        }
        let within = parities(simd, quotes) ^ in_string;
        in_string = 0_u64.wrapping_sub(within >> 63);
        let (opening, closing) = (quotes & within, quotes & !within);
        let last = of_list & !up_to(end - at - 1);

        // Behind each opening quote is the prefix, and behind each closing one, but the last, a separator.
        let begins = (prefix & number).to_bitmask();
        let ends = separator.to_bitmask() | last;
        let zeros = (dash & b1.simd_eq(b'0')).to_bitmask() & of_list;
        if opening & !begins != 0 || closing & !ends != 0 || zeros != 0 {
            return None;
        }
        entries += opening.count_ones() as usize;
        let known = quote | dash | (b0 - b'0').simd_lt(10);
        others += (!known.to_bitmask() & of_list).count_ones() as usize;
    }
    // Beside quotes, digits and dashes there are those prefixes and commas that were found, and nothing else.
    let is_compact = in_string == 0 && others == 4 * entries - 1;
    (is_compact && list.len() <= ENTRY_BYTES * entries).then_some(entries)
}

/// Calls `look` with the place of the opening quote of every entry of a compact list that is like those `wanted`.
#[inline(always)]
fn search<S: Simd>(
    simd: S,
    payload: &[u8],
    list: Compact,
    wanted: &Likeness,
    mut look: impl FnMut(usize) -> Option<()>,
) {
    let [first, second, third] = wanted
        .behind_prefix
        .map(|groups| u8x64::block_splat(u8x16::simd_from(simd, groups)));
    let groups = |of: u8x64<S>, bytes: u8x64<S>| of.swizzle_dyn_within_blocks(bytes & 0x0f);
    for at in (list.start..list.end).step_by(BLOCK) {
        let [b0, b1, _, _, b4, b5, b6] = windows(simd, payload, at);
        let common = groups(first, b4) & groups(second, b5) & groups(third, b6);
        let like = b0.simd_eq(b'"') & is_letter(b1, b'i') & common.simd_gt(0);
        let mut like = like.to_bitmask() & up_to(list.end - at);
        while like != 0 {
            look(at + like.trailing_zeros() as usize);
            like &= like - 1;
        }
    }
}

#[inline(always)]
fn is_letter<S: Simd>(bytes: u8x64<S>, small: u8) -> mask8x64<S> {
    (bytes | 0x20).simd_eq(small)
}

/// A bit for each byte of a block that is among the first `bytes`.
#[inline(always)]
const fn up_to(bytes: usize) -> u64 {
    if bytes < BLOCK { !(!0 << bytes) } else { !0 }
}

/// The bytes at `at`, then the same from one byte further on, and so on; blanks behind the end.
#[inline(always)]
fn windows<S: Simd, const N: usize>(simd: S, payload: &[u8], at: usize) -> [u8x64<S>; N] {
    let rest = payload.get(at..).unwrap_or_default();
    let mut padded = [b' '; WINDOWS];
    let bytes = rest.first_chunk().unwrap_or_else(|| {
        padded
            .iter_mut()
            .zip(rest)
            .for_each(|(to, from)| *to = *from);
        &padded
    });
    std::array::from_fn(|ahead| {
        let window = bytes.get(ahead..).and_then(<[u8]>::first_chunk::<BLOCK>);
        let blanks = [b' '; BLOCK];
        u8x64::from_slice(simd, window.unwrap_or(&blanks))
    })
}

/// Bytes of an entry with quotes and comma, the mean over a list: what is longer is not in any published table.
const ENTRY_BYTES: usize = 16;
/// Bytes of a block and of what is looked at behind each of its bytes.
const WINDOWS: usize = BLOCK + 6;

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the size of proptest's error is not ours"
)]
mod tests {
    use super::{Categories, Compact, Likeness};
    use crate::openrtb::category_key::CategoryKey;
    use crate::openrtb::text::Texts;
    use fearless_simd::Level;
    use proptest::prelude::*;

    /// The ids of a compact list; none when it is not.
    fn naive(list: &str) -> Option<Vec<&str>> {
        let ids: Vec<_> = list.split(',').map(naive_id).collect::<Option<_>>()?;
        let short = list
            .as_bytes()
            .chunks(64)
            .all(|chunk| chunk.contains(&b'"'));
        (short && list.len() <= 16 * ids.len()).then_some(ids)
    }

    fn naive_id(quoted: &str) -> Option<&str> {
        let id = quoted.strip_prefix('"')?.strip_suffix('"')?;
        let (prefix, behind) = id.split_at_checked(3)?;
        let starts = behind.starts_with(|first: char| matches!(first, '1'..='9'));
        let goes_on = |byte| matches!(byte, b'0'..=b'9' | b'-');
        let is_compact = starts && behind.bytes().all(goes_on) && !behind.contains("-0");
        (is_compact && prefix.eq_ignore_ascii_case("iab")).then_some(id)
    }

    /// Lists that are compact but for an entry or two.
    fn lists() -> impl Strategy<Value = String> {
        let entry = prop_oneof![
            60 => "\"(IAB|IAB|iab|iAb)[1-9][0-9]{0,2}(-[1-9][0-9]{0,3})?\"",
            4 => "\"IAB[1-9][0-9-]{0,12}\"",
            1 => "\"IAB1[1-9]{62,130}\"",
            1 => "\"IAB[0-9-]{0,6}\"",
            1 => "\"IAB[1-9][0-9IAB,: -]{1,5}\"",
            1 => "\"?(IAB|iab|AIB|IA|I)?[0-9iab,\"\\- ]{0,9}\"?",
        ];
        let separator =
            prop_oneof![40 => Just(","), 1 => Just(""), 1 => Just(",,"), 1 => Just(", ")];
        let more = prop::collection::vec((separator, entry.clone()), 0..40);
        (entry, more).prop_map(|(first, more)| {
            let more = more
                .iter()
                .flat_map(|(separator, entry)| [*separator, entry]);
            std::iter::once(first.as_str()).chain(more).collect()
        })
    }

    proptest! {
        #[test]
        fn a_list_is_compact_if_it_is_byte_by_byte(list in lists(), before in 0_usize..70, behind in "[\",iab017-]{0,140}") {
            // An outline comes before, and knows of strings that do not end.
            if list.matches('"').count() % 2 == 1 {
                return Ok(());
            }
            for level in [Level::new(), Level::baseline()] {
                let payload = format!("{:before$}{list}{behind}", "");
                let compact = Compact::new(level, payload.as_bytes(), before, before + list.len());
                prop_assert_eq!(compact.map(Compact::len), naive(&list).map(|ids| ids.len()));
            }
        }

        #[test]
        fn entries_are_what_they_are_by_themselves(list in lists(), start in 0_usize..70, wanted in prop::collection::vec(any::<prop::sample::Index>(), 1..9)) {
            let Some(ids) = naive(&list) else { return Ok(()) };
            let payload = format!("{:start$}{list}],{list}", "");
            let texts = Texts::new(payload.as_bytes(), b"");
            let compact = Compact::new(Level::new(), payload.as_bytes(), start, start + list.len()).unwrap_or_default();
            let list = Categories::new(&[], compact, texts, Level::new());
            let written: Vec<_> = list.iter().map(|entry| texts.str(entry.id)).collect();
            prop_assert_eq!(&written, &ids);
            let key = |id: &str| CategoryKey::of_content_1(id.as_bytes());
            let keys: Vec<_> = list.iter().map(|entry| entry.key(crate::openrtb::CategoryTaxonomy(1), &texts)).collect();
            prop_assert_eq!(&keys, &ids.iter().map(|id| key(id)).collect::<Vec<_>>());

            let wanted: Vec<_> = wanted.iter().map(|index| index.get(&ids).to_ascii_uppercase()).collect();
            let mut likeness = Likeness::default();
            wanted.iter().for_each(|id| likeness.add(key(id)));
            let mut found = Vec::new();
            list.for_each_like(&likeness, |entry| found.push(texts.str(entry.id)));
            let is_wanted = |id: &&&str| wanted.contains(&id.to_ascii_uppercase());
            let expected: Vec<_> = ids.iter().filter(is_wanted).collect();
            prop_assert_eq!(found.iter().filter(is_wanted).collect::<Vec<_>>(), expected);
            prop_assert!(found.is_sorted_by_key(|id| id.as_ptr()));
        }
    }
}
