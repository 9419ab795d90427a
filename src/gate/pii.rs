#![doc = include_str!("../../docs/gates/pii.md")]

use std::sync::LazyLock;

use super::patterns::{Kinds, Patterns};
use super::strings::{Found, judge_strings};
use super::{Gate, Judged, Sheet};
use crate::auction::Auction;
use crate::document::Section;
use crate::openrtb::{Text, Texts};
use crate::verdict::{Detail, Reason};

/// The rule, compiled.
#[derive(Debug)]
pub(super) struct Pii {
    patterns: &'static Patterns,
    kinds: Kinds,
}

impl Pii {
    pub(super) fn compile(options: &mut Section) -> Self {
        Self {
            patterns: &PATTERNS,
            kinds: Kinds::of(&["email", "ssn", "phone"].map(|kind| options.flag(kind, true))),
        }
    }

    fn find(&self, texts: &Texts<'_>, text: Text) -> Option<Found> {
        let bytes = texts.bytes(text);
        if !may_hold(bytes) {
            return None;
        }
        let hit = self.patterns.first(bytes, self.kinds)?;
        let reason = REASONS.get(hit.kind)?;
        // Not quoted: a reply may end in a log.
        Some((*reason, Detail::None))
    }
}

impl Gate for Pii {
    fn judge(&self, auction: &Auction<'_>, sheet: &mut Sheet<'_>) -> Judged {
        let texts = auction.response.texts();
        judge_strings(auction, sheet, |text| self.find(texts, text))
    }
}

/// True for every string that holds what a pattern matches, and for few others: an at sign, or four digits behind a
/// separator. Written without branches, for this is all that most strings cost.
fn may_hold(bytes: &[u8]) -> bool {
    let has_number = bytes
        .array_windows()
        .fold(false, |found, &[before, a, b, c, d]| {
            let separated = (before == b'-') | (before == b'.') | (before == b' ');
            found | (separated & is_digit(a) & is_digit(b) & is_digit(c) & is_digit(d))
        });
    has_number || bytes.contains(&b'@')
}

const fn is_digit(byte: u8) -> bool {
    byte.wrapping_sub(b'0') < 10
}

const REASONS: [Reason; 3] = [Reason::EmailAddress, Reason::SsnShaped, Reason::PhoneShaped];

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and compiled by every test"
)]
static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::compile(&[EMAIL, SSN, PHONE], 1 << 20).expect("the patterns are sound")
});

const EMAIL: &str = r"[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}";

/// What is not issued is left out number by number: 000, 666 and 900 to 999; 00; 0000.
const SSN: &str = concat!(
    r"\b(?:00[1-9]|0[1-9]\d|[1-578]\d\d|6[0-57-9]\d|66[0-57-9])",
    r"-(?:0[1-9]|[1-9]\d)",
    r"-(?:000[1-9]|00[1-9]\d|0[1-9]\d\d|[1-9]\d{3})\b"
);

/// Without the country code in front, which need not be there: what begins with one holds a number without.
const PHONE: &str = r"(?:\([2-9]\d\d\)|\b[2-9]\d\d)[-. ]\d{3}[-. ]\d{4}\b";
