//! Category ids as keys of eight bytes: what is compared instead of them.
//!
//! Ids are short and compared often, and nearly all are those of Content Taxonomy 1.0. Such an id is its key as it stands,
//! in small letters.

/// A category id in normal form. Equal keys are equal ids if they are [exact](Self::is_exact).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CategoryKey(u64);

/// The top byte of a key tells its kind; below these it is the length of an id that is kept whole. That of a
/// [folded](CategoryKey::folded) key has the bit that makes letters small, and so none of these.
const WHOLE_MAX: usize = 7;
const HASHED: u64 = 0x40 << 56;
const NUMBERS: u64 = 0x80 << 56;
/// Bits of each number of `IABn-m`.
const NUMBER_BITS: u32 = 30;

impl CategoryKey {
    /// `IABn` or `IABn-m`, in any case and with leading zeros; other ids count in upper case.
    #[inline(always)]
    pub(super) fn of_content_1(id: &[u8]) -> Self {
        let word = Self::word(id).and_then(Self::folded);
        word.unwrap_or_else(|| Self::of_unusual_content_1(id))
    }

    /// What stands behind the `IAB` of an id, one to eight bytes, as one word: the first byte lowest.
    #[inline(always)]
    fn word(id: &[u8]) -> Option<u64> {
        let (head, tail) = (id.first_chunk()?, id.last_chunk()?);
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        let word = match id.last_chunk() {
            Some(word) => u64::from_le_bytes(*word) >> (8 * WORD_MAX.checked_sub(id.len())?),
            None => (u64::from(head) | u64::from(tail) << (8 * (id.len() - 4))) >> IAB_BITS,
        };
        (is_iab(head) && !has_control_characters(id)).then_some(word)
    }

    /// The key of an id of which this word is behind `IAB`: in small letters, and filled up with blanks. None where a number
    /// begins with a zero.
    ///
    /// This is done for every entry of a list that is read, so it looks at all bytes at once and asks for no more than that.
    /// What is folded into one though it is not the same, such as `[` and `{`, is told apart where keys meet: such a key
    /// is not [exact](Self::is_exact).
    #[inline(always)]
    const fn folded(word: u64) -> Option<Self> {
        let word = word | BLANKS;
        // The highest bit of every byte that is a zero, and of every one that follows what is no digit.
        let digits = word ^ ZEROS;
        let zero = digits.wrapping_sub(ONES) & !digits;
        let first = !word << (BITS_OF_BYTE + 3) | 0x80;
        if zero & first & HIGHEST == 0 {
            Some(Self(word))
        } else {
            None
        }
    }

    /// The id that goes on with `behind_prefix` up to a quote, and its bytes: without zeros in front of a number, and without
    /// escapes. None when it is longer.
    #[inline(always)]
    pub(super) const fn of_plain(behind_prefix: [u8; 8]) -> Option<(Self, usize)> {
        let word = u64::from_le_bytes(behind_prefix);
        // Each byte that is a quote has its highest bit, and so may some behind the first.
        let others = word ^ QUOTES;
        let closing = others.wrapping_sub(ONES) & !others & HIGHEST;
        if closing == 0 {
            return None;
        }
        let bits = closing.trailing_zeros() & !7;
        let id = word & !(!0 << bits) | BLANKS;
        Some((Self(id), (IAB_BITS + bits) as usize / 8))
    }

    #[inline(never)]
    fn of_unusual_content_1(id: &[u8]) -> Self {
        match content_1_numbers(id) {
            Some((tier1, tier2)) => Self::of_numbers(tier1, tier2),
            None => Self::of_bytes(id.iter().map(u8::to_ascii_uppercase)),
        }
    }

    /// `IABn` or `IABn-m`, as if it were written without leading zeros.
    fn of_numbers(tier1: u64, tier2: Option<u64>) -> Self {
        let mut written = Written::default();
        written.push_number(tier1);
        if let Some(tier2) = tier2 {
            written.push(b'-');
            written.push_number(tier2);
        }
        match written.word() {
            Some(word) => Self(word),
            None => Self(NUMBERS | tier1 << NUMBER_BITS | tier2.map_or(0, |tier2| tier2 + 1)),
        }
    }

    pub(super) fn verbatim(id: &[u8]) -> Self {
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
    pub fn is_exact(self) -> bool {
        match self.0 >> 56 {
            kind if kind & BLANK != 0 => self.published().is_some(),
            kind => kind != HASHED >> 56,
        }
    }

    /// Whether it is an id of a few bytes as it stands, and none of Content Taxonomy 1.0.
    pub(super) const fn is_whole(self) -> bool {
        self.0 >> 56 <= WHOLE_MAX as u64
    }

    /// The first bytes behind the `IAB` of an id, blanks where it ends; none where a key does not have them.
    pub(super) const fn behind_prefix(self) -> Option<[u8; 3]> {
        if self.0 >> 56 & BLANK == 0 {
            return None;
        }
        let [first, second, third, ..] = self.0.to_le_bytes();
        Some([first, second, third])
    }

    /// Where the dash of a folded `IABn-m` stands, or where an `IABn` ends, in bits; none for any other key.
    const fn published(self) -> Option<u32> {
        // The highest bit of every byte that is no digit.
        let digits = self.0 ^ ZEROS;
        let others = (((digits & !HIGHEST) + (0x7f - 9) * ONES) | digits) & HIGHEST;
        let first = others.trailing_zeros() & !7;
        let is_dash = first < 64 && self.0 >> first & 0xff == b'-' as u64;
        let behind = if is_dash {
            others & (others - 1)
        } else {
            others
        };
        let end = behind.trailing_zeros() & !7;
        let has_second = !is_dash || end > first + BITS_OF_BYTE;
        let ends = end == 64 || self.0 >> end == BLANKS >> end;
        if first > 0 && has_second && ends {
            Some(first)
        } else {
            None
        }
    }

    /// `IABn-m` is below `IABn` (spec: gates, bcatCompliance).
    pub(super) fn content_1_parent(self) -> Option<Self> {
        match self.0 >> 56 {
            kind if kind & BLANK != 0 => {
                let dash = self.published().filter(|&bits| bits < 64)?;
                let above = !0 << dash;
                let parent = self.0 & !above | BLANKS & above;
                (parent != self.0).then_some(Self(parent))
            }
            kind if kind == NUMBERS >> 56 && self.0 & TIER_2 != 0 => {
                Some(Self::of_numbers((self.0 & !NUMBERS) >> NUMBER_BITS, None))
            }
            _ => None,
        }
    }

    /// A number that spreads evenly over `0..1 << bits`.
    #[expect(clippy::cast_possible_truncation, reason = "the top bits are few")]
    pub(crate) const fn spread(self, bits: u32) -> usize {
        (self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
    }
}

const TIER_2: u64 = (1 << NUMBER_BITS) - 1;
const BITS_OF_BYTE: u32 = 8;
/// In every byte: 1, the highest bit, a blank, the digit zero.
const ONES: u64 = u64::MAX / 0xff;
const HIGHEST: u64 = 0x80 * ONES;
const BLANK: u64 = b' ' as u64;
const BLANKS: u64 = BLANK * ONES;
const ZEROS: u64 = b'0' as u64 * ONES;
const QUOTES: u64 = b'"' as u64 * ONES;

/// What ids of Content Taxonomy 1.0 begin with, and its bits.
const IAB: u32 = u32::from_le_bytes(*b"iab\0");
const IAB_BITS: u32 = 3 * BITS_OF_BYTE;
/// Bytes of the longest id that is a word behind its prefix.
const WORD_MAX: usize = 11;

/// Only an escape can make them. In small letters some would be digits, and the last one a blank.
fn has_control_characters(id: &[u8]) -> bool {
    id.iter().any(|&byte| byte < b' ')
}

/// True when the lowest three bytes are the prefix, in any case.
#[inline(always)]
const fn is_iab(head: u32) -> bool {
    (head | 0x20_2020) & 0xff_ffff == IAB
}

/// A text of up to eight bytes, filled up with blanks; none once it is longer.
#[derive(Debug)]
struct Written {
    bytes: [u8; 8],
    len: usize,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            bytes: [b' '; 8],
            len: 0,
        }
    }
}

impl Written {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
    }

    fn push_number(&mut self, number: u64) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        self.push(b'0' + (number % 10) as u8);
    }

    fn word(&self) -> Option<u64> {
        (self.len <= self.bytes.len()).then_some(u64::from_le_bytes(self.bytes))
    }
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

#[cfg(test)]
#[expect(
    clippy::result_large_err,
    reason = "the size of proptest's error is not ours"
)]
mod tests {
    use crate::openrtb::CategoryTaxonomy;
    use proptest::prelude::*;

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

    /// The id as bcatCompliance compares it, written out.
    fn naive(id: &str) -> String {
        let number = |digits: &str| {
            let all = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let counting = digits.trim_start_matches('0');
            all.then(|| format!("{counting:0>1}"))
                .filter(|number| number.len() <= 7)
        };
        let upper = id.to_ascii_uppercase();
        let numbers = upper
            .strip_prefix("IAB")
            .and_then(|rest| match rest.split_once('-') {
                None => Some(format!("IAB{}", number(rest)?)),
                Some((tier1, tier2)) => Some(format!("IAB{}-{}", number(tier1)?, number(tier2)?)),
            });
        numbers.unwrap_or(upper)
    }

    proptest! {
        #[test]
        fn keys_are_equal_where_ids_are(ids in prop::array::uniform2(
            "(IAB|iab|Iab)(0{0,2}[0-9]{1,5}(-0{0,2}[0-9]{1,4})?|[0-9-]{0,6}|[0-9]{6,9}(-[0-9]{6,8})?|.{0,5})|[aA0\\[{-]{3,9}|IAB[\0 \x01\r\x10-\x190-2a-]{0,5}"
        )) {
            let taxonomy = CategoryTaxonomy(1);
            let [a, b] = ids.each_ref().map(|id| id.trim_matches(' ').as_bytes());
            let [key, other] = [a, b].map(|id| taxonomy.key(id));
            let same = naive(std::str::from_utf8(a).unwrap()) == naive(std::str::from_utf8(b).unwrap());
            let found = key == other && (key.is_exact() || taxonomy.same(a, b));
            prop_assert_eq!(found, same, "{:?} {:?} {:x?} {:x?}", ids[0], ids[1], key, other);
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
}
