//! Advertiser domains: what is a domain name that somebody could have registered, and what is not.

use std::fmt;

use idna::AsciiDenyList;
use idna::uts46::{ErrorPolicy, Hyphens, ProcessingSuccess, Uts46};

/// Why a name is not an advertiser's domain, in the order in which the rules are tried (spec: gates, adomainVerify).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainFault {
    /// Not the form of a domain name.
    Malformed,
    /// An IPv4 address.
    IpAddress,
    /// A placeholder or a name below one.
    Placeholder,
    /// One label only.
    SingleLabel,
    /// Below a top-level domain that is reserved for other uses.
    Reserved,
    /// A public suffix: others register below it.
    PublicSuffix,
}

/// The placeholders that every policy knows: names of examples, tests and the OpenRTB specification's own samples.
pub const PLACEHOLDERS: [&str; 9] = [
    "advertiserdomain.com",
    "example.com",
    "example.org",
    "example.net",
    "test.com",
    "placeholder.com",
    "localhost",
    "foo.com",
    "bar.com",
];

/// Top-level domains under which nobody advertises (RFC 2606, 6761, 6762, 7686; `internal`, `lan` by custom).
const RESERVED: [&[u8]; 9] = [
    b"test",
    b"example",
    b"invalid",
    b"localhost",
    b"local",
    b"onion",
    b"internal",
    b"lan",
    b"arpa",
];

/// Bytes of a whole name and of one label (RFC 1035 §2.3.4).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;
/// Bytes of a name that is converted. Conversion can shorten a name, but what shrinks from more than this to a name is
/// made of characters that count for nothing, and only keeps the worker busy.
const CONVERTED_MAX: usize = 16 * NAME_MAX;

/// Judges one entry of `adomain`. `placeholders` are in [normal form](normalise).
///
/// Does not allocate, but to convert international names of over 253 characters or over eight labels.
///
/// # Errors
/// The first rule that the entry breaks.
pub fn verify(entry: &[u8], placeholders: &[Box<[u8]>]) -> Result<(), DomainFault> {
    let name = bare(entry);
    let kinds = Kinds::of(name);
    if name.is_empty() || kinds.have(Kinds::FOREIGN) {
        return Err(DomainFault::Malformed);
    }
    if !kinds.have(!Kinds::DIGIT) && labels(name).all(|label| !label.is_empty()) {
        return Err(DomainFault::IpAddress);
    }
    let mut ascii = AsciiName::default();
    let name = if kinds.have(Kinds::CONVERTED) {
        ascii.of(name)?
    } else {
        name
    };
    if name.len() > NAME_MAX || !labels(name).all(is_label) {
        return Err(DomainFault::Malformed);
    }
    if placeholders
        .iter()
        .any(|placeholder| is_or_is_below(name, placeholder))
    {
        return Err(DomainFault::Placeholder);
    }
    verify_registrable(name)
}

/// The form in which names are compared: lower case, A-labels, no trailing dot. None when it is not a domain name.
#[must_use]
pub fn normalise(name: &str) -> Option<Box<[u8]>> {
    NormalName::of(name.as_bytes()).map(|name| name.as_bytes().into())
}

/// A domain name in the form in which names are compared, without heap.
#[derive(Debug)]
pub(crate) struct NormalName {
    ascii: AsciiName,
}

impl NormalName {
    /// None when it is not a domain name.
    pub(crate) fn of(name: &[u8]) -> Option<Self> {
        let mut ascii = AsciiName::default();
        let is_name = labels(ascii.of(bare(name)).ok()?).all(is_label);
        is_name.then_some(Self { ascii })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.ascii.bytes.get(..self.ascii.len).unwrap_or_default()
    }
}

/// Without white space around it and without a trailing dot.
pub(crate) fn bare(name: &[u8]) -> &[u8] {
    let name = name.trim_ascii();
    name.strip_suffix(b".").unwrap_or(name)
}

fn verify_registrable(name: &[u8]) -> Result<(), DomainFault> {
    let top = labels(name).next_back().unwrap_or_default();
    if top.len() == name.len() {
        return Err(DomainFault::SingleLabel);
    }
    if RESERVED.contains(&top) {
        return Err(DomainFault::Reserved);
    }
    match psl::suffix(name) {
        Some(suffix)
            if suffix.typ() == Some(psl::Type::Icann) && suffix.as_bytes().len() == name.len() =>
        {
            Err(DomainFault::PublicSuffix)
        }
        _ => Ok(()),
    }
}

/// Which kinds of bytes a name has, a bit each.
#[derive(Clone, Copy)]
struct Kinds(u8);

impl Kinds {
    /// Those that stand in URLs, lists and addresses, never in a domain name.
    const FOREIGN: u8 = 1;
    const DIGIT: u8 = 1 << 1;
    /// Those of names that are not in normal form or, as hyphens are, may be of such.
    const CONVERTED: u8 = 1 << 2;
    const OTHER: u8 = 1 << 3;

    fn of(name: &[u8]) -> Self {
        let kinds = name.iter().map(|&byte| Self::of_byte(byte));
        Self(kinds.fold(0, |all, kind| all | kind))
    }

    const fn of_byte(byte: u8) -> u8 {
        match byte {
            b'/' | b':' | b'@' | b'?' | b'#' | b',' | b'\\' | ..=b' ' | 0x7f => Self::FOREIGN,
            b'0'..=b'9' => Self::DIGIT,
            b'.' => 0,
            b'A'..=b'Z' | b'-' | 0x80.. => Self::CONVERTED,
            _ => Self::OTHER,
        }
    }

    const fn have(self, kinds: u8) -> bool {
        self.0 & kinds != 0
    }
}

fn labels(name: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    name.split(|&byte| byte == b'.')
}

fn is_label(label: &[u8]) -> bool {
    let hyphen = Some(&b'-');
    (1..=LABEL_MAX).contains(&label.len())
        && label
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && label.first() != hyphen
        && label.last() != hyphen
}

fn is_or_is_below(name: &[u8], placeholder: &[u8]) -> bool {
    name.strip_suffix(placeholder)
        .is_some_and(|below| below.is_empty() || below.ends_with(b"."))
}

/// Room for a name in lower case and A-labels. More does not fit, and need not: it is too long for a name.
#[derive(Debug)]
struct AsciiName {
    bytes: [u8; NAME_MAX],
    /// Bytes of the name, also of one that does not fit.
    len: usize,
}

impl Default for AsciiName {
    fn default() -> Self {
        Self {
            bytes: [0; NAME_MAX],
            len: 0,
        }
    }
}

impl AsciiName {
    /// Converts `name`: ASCII to lower case, everything else by UTS-46 (non-transitional, STD3).
    /// Labels that claim to be A-labels are decoded to see whether they are.
    fn of(&mut self, name: &[u8]) -> Result<&[u8], DomainFault> {
        if name.is_ascii() && !labels(name).any(is_a_label) {
            self.push(name);
            self.bytes.make_ascii_lowercase();
        } else if name.len() <= CONVERTED_MAX {
            self.convert(name)?;
        } else {
            return Err(DomainFault::Malformed);
        }
        self.bytes.get(..self.len).ok_or(DomainFault::Malformed)
    }

    fn convert(&mut self, name: &[u8]) -> Result<(), DomainFault> {
        let converted = Uts46::new().process(
            name,
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            ErrorPolicy::FailFast,
            |_, _, _| false,
            self,
            None,
        );
        match converted {
            Ok(ProcessingSuccess::WroteToSink) => Ok(()),
            Ok(ProcessingSuccess::Passthrough) => {
                self.push(name);
                Ok(())
            }
            Err(_) => Err(DomainFault::Malformed),
        }
    }

    /// What does not fit is only counted.
    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
        }
        self.len = end;
    }
}

fn is_a_label(label: &[u8]) -> bool {
    label
        .get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"))
}

impl fmt::Write for AsciiName {
    /// Never fails: the conversion takes a failing sink for a bug of its own and panics.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{DomainFault, normalise, verify};

    fn verdict(entry: &str) -> Result<(), DomainFault> {
        let placeholders: Vec<_> = super::PLACEHOLDERS
            .iter()
            .map(|&name| name.as_bytes().into())
            .collect();
        verify(entry.as_bytes(), &placeholders)
    }

    #[test]
    fn names_that_advertisers_have_pass() {
        for name in [
            "ford.com",
            "WWW.Ford.COM.",
            " bbc.co.uk ",
            "b\u{fc}cher.de",
            "xn--bcher-kva.de",
            "shop.newtld-xyz",
            "github.io",
            "fa\u{df}.de",
        ] {
            assert_eq!(verdict(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn each_rule_has_its_fault() {
        use DomainFault as F;
        let cases = [
            ("", F::Malformed),
            (".", F::Malformed),
            ("https://a.com", F::Malformed),
            ("a b.com", F::Malformed),
            ("a_b.com", F::Malformed),
            ("a..com", F::Malformed),
            ("-a.com", F::Malformed),
            ("xn--\u{fc}.com", F::Malformed),
            ("xn--a-.com", F::Malformed),
            ("a.com..", F::Malformed),
            ("127.0.0.1", F::IpAddress),
            ("12345", F::IpAddress),
            ("127.0.0.1.", F::IpAddress),
            ("example.com", F::Placeholder),
            ("shop.EXAMPLE.com", F::Placeholder),
            ("localhost", F::Placeholder),
            ("\u{ff45}xample.com", F::Placeholder),
            ("advertiser", F::SingleLabel),
            ("com", F::SingleLabel),
            ("foo.test", F::Reserved),
            ("home.arpa", F::Reserved),
            ("a.lan", F::Reserved),
            ("co.uk", F::PublicSuffix),
            ("com.br.", F::PublicSuffix),
            ("foo.ck", F::PublicSuffix),
        ];
        for (name, fault) in cases {
            assert_eq!(verdict(name), Err(fault), "{name}");
        }
        assert_eq!(verdict("notexample.com"), Ok(()));
        assert_eq!(
            verdict(&format!("{}com", "\u{fc}.".repeat(32))),
            Err(F::Malformed)
        );
        assert_eq!(verdict(&"\u{fc}".repeat(300)), Err(F::Malformed));
        assert_eq!(
            verdict(&format!("{}.\u{fc}", "a".repeat(248))),
            Err(F::Malformed)
        );
        assert_eq!(
            verdict(&format!("{}b\u{fc}cher.de", "\u{ad}".repeat(1000))),
            Ok(())
        );
        assert_eq!(
            verdict(&format!("{}b\u{fc}cher.de", "\u{ad}".repeat(3000))),
            Err(F::Malformed)
        );
        assert_eq!(
            verdict(&format!("{}.com", "a".repeat(64))),
            Err(F::Malformed)
        );
        assert_eq!(verdict(&format!("{}com", "abcdefghi.".repeat(25))), Ok(()));
        assert_eq!(
            verdict(&format!("{}comm", "abcdefghi.".repeat(25))),
            Err(F::Malformed)
        );
    }

    #[test]
    fn placeholders_are_normalised_as_names_are() {
        assert_eq!(
            normalise(" B\u{dc}CHER.de. ").as_deref(),
            Some(&b"xn--bcher-kva.de"[..])
        );
        assert_eq!(normalise("a/b"), None);
    }
}
