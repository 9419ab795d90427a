//! Keys: checked when they are read, never shown, wiped when they are dropped (spec: telemetry §4).
//!
//! A publishable key `pk_live_..` says who sends; it goes with every batch. A secret key `sk_live_..` signs and stays.
//! Either comes from an environment variable or from a file, which is read again while the process runs. What may be
//! told of a key is its [`KeyId`].
//!
//! Wiped is what is kept here. The environment of the process holds its variables to the end, and what was handed to
//! the system to be sent passed through its buffers; a file that only the process can read is the better place.

mod live;

use std::fmt;
use std::io::ErrorKind;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _};
use http::HeaderValue;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub(super) use live::{Environment, KeyProblem, LiveKey};

use live::FILE_BYTES_MAX;

/// What the two kinds of key share.
pub(super) trait Key: Sized + fmt::Debug {
    /// Which of the two it is.
    const KIND: KeyKind;

    /// Takes a text that has the form of such a key.
    fn from_checked(text: &str) -> Option<Self>;

    /// What may be told of it.
    fn id(&self) -> KeyId;

    /// Reads a key; white space around it does not count.
    ///
    /// # Errors
    /// When it is none, or one of the other kind. The error does not say what stands there.
    fn parse(text: &str) -> Result<Self, KeyFault> {
        let text = text.trim();
        let other = Self::KIND.other();
        if text.starts_with(other.prefix()) {
            return Err(KeyFault::OtherKind(Self::KIND));
        }
        let malformed = KeyFault::Malformed(Self::KIND);
        let body = text.strip_prefix(Self::KIND.prefix()).ok_or(malformed)?;
        let formed = (BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(&body.len())
            && body.bytes().all(is_key_byte);
        let key = formed.then(|| Self::from_checked(text)).flatten();
        key.ok_or(malformed)
    }
}

/// Behind the prefix. What is shorter can be guessed; no issuer makes longer ones.
const BODY_BYTES_MIN: usize = 16;
const BODY_BYTES_MAX: usize = 256;

/// What a key consists of: base64url and what else fits a bearer token (RFC 6750 §2.1) and is no padding.
fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~')
}

/// The kinds of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// `pk_live_..`, the bearer of a batch.
    Publishable,
    /// `sk_live_..`, which signs.
    Secret,
}

impl KeyKind {
    /// How a key of this kind begins.
    #[must_use]
    const fn prefix(self) -> &'static str {
        match self {
            Self::Publishable => "pk_live_",
            Self::Secret => "sk_live_",
        }
    }

    /// The environment variable that may hold it. No key of the configuration takes one.
    #[must_use]
    const fn variable(self) -> &'static str {
        match self {
            Self::Publishable => "BIDGATE_TELEMETRY_API_KEY",
            Self::Secret => "BIDGATE_TELEMETRY_SECRET_KEY",
        }
    }

    /// The key of the configuration that may name its file.
    const fn file_key(self) -> &'static str {
        match self {
            Self::Publishable => "telemetry.api_key_file",
            Self::Secret => "telemetry.secret_key_file",
        }
    }

    /// As the audit log has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Publishable => "publishable",
            Self::Secret => "secret",
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Publishable => Self::Secret,
            Self::Secret => Self::Publishable,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Publishable => "publishable key",
            Self::Secret => "secret key",
        };
        write!(f, "{name} ({}..)", self.prefix())
    }
}

/// `pk_live_..`: says who sends.
pub(super) struct PublishableKey {
    bearer: Zeroizing<String>,
    id: KeyId,
}

impl PublishableKey {
    /// `Bearer pk_live_..`, in memory that is wiped too.
    #[must_use]
    pub(super) fn bearer(&self) -> Option<HeaderValue> {
        let bytes = Bytes::from_owner(Zeroizing::new(self.bearer.as_bytes().to_vec()));
        let mut value = HeaderValue::from_maybe_shared(bytes).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Key for PublishableKey {
    const KIND: KeyKind = KeyKind::Publishable;

    fn from_checked(text: &str) -> Option<Self> {
        let mut bearer = Zeroizing::new(String::with_capacity(BEARER.len() + text.len()));
        bearer.push_str(BEARER);
        bearer.push_str(text);
        let id = KeyId::of(text);
        Some(Self { bearer, id })
    }

    fn id(&self) -> KeyId {
        self.id
    }
}

const BEARER: &str = "Bearer ";

/// `sk_live_..`: signs. Of its text nothing is kept but the state of the MAC, which is wiped as a key is.
pub(super) struct SecretKey {
    mac: Hmac<Sha256>,
    id: KeyId,
}

impl SecretKey {
    /// HMAC-SHA256 under this key, to be fed.
    pub(super) fn mac(&self) -> Hmac<Sha256> {
        self.mac.clone()
    }
}

impl Key for SecretKey {
    const KIND: KeyKind = KeyKind::Secret;

    fn from_checked(text: &str) -> Option<Self> {
        let mac = Hmac::new_from_slice(text.as_bytes()).ok()?;
        let id = KeyId::of(text);
        Some(Self { mac, id })
    }

    fn id(&self) -> KeyId {
        self.id
    }
}

impl fmt::Debug for PublishableKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

const REDACTED: &str = "[REDACTED]";

/// Tells keys apart without telling them: the SHA-256, of which 8 hexadecimal digits are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyId([u8; 32]);

impl KeyId {
    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().take(4);
        shown
            .into_iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is wrong with a key. It holds nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// There is a key of the other kind where this kind belongs.
    OtherKind(KeyKind),
    /// There is no key of this kind.
    Malformed(KeyKind),
    /// The file cannot be read.
    Unreadable(ErrorKind),
    /// The file is larger than a key and some white space.
    TooLarge,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherKind(kind) => {
                let other = kind.other();
                write!(f, "holds a {other} where a {kind} belongs; exchange them")
            }
            Self::Malformed(kind) => write!(
                f,
                "must hold a {kind}: {BODY_BYTES_MIN} to {BODY_BYTES_MAX} letters, digits, '_', '-', '.' or '~' behind \
                 the prefix"
            ),
            Self::Unreadable(kind) => write!(f, "cannot be read: {kind}"),
            Self::TooLarge => write!(
                f,
                "is larger than {FILE_BYTES_MAX} bytes, so it holds no key"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHABLE: &str = "pk_live_0123456789abcdefABCDEF_-";
    const SECRET: &str = "sk_live_0123456789abcdefABCDEF_-";

    #[test]
    fn a_key_is_read_with_white_space_around_it() {
        let key = PublishableKey::parse(&format!(" {PUBLISHABLE}\r\n")).unwrap();
        let bearer = key.bearer().unwrap();
        assert_eq!(bearer, format!("Bearer {PUBLISHABLE}"));
        assert!(bearer.is_sensitive());
    }

    #[test]
    fn a_key_of_the_other_kind_is_refused_by_name() {
        let swapped = [
            PublishableKey::parse(SECRET).unwrap_err(),
            SecretKey::parse(PUBLISHABLE).unwrap_err(),
        ];
        assert_eq!(
            swapped,
            [
                KeyFault::OtherKind(KeyKind::Publishable),
                KeyFault::OtherKind(KeyKind::Secret),
            ]
        );
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long = format!("pk_live_{}", "x".repeat(BODY_BYTES_MAX + 1));
        for text in [
            "",
            "pk_live_",
            "pk_live_0123456789abcde",
            "pk_test_0123456789abcdef",
            "0123456789abcdef",
            "PK_LIVE_0123456789abcdef",
            "pk_live_0123456789 abcdef",
            "pk_live_0123456789\nabcdef",
            "pk_live_0123456789abcdef\u{e9}",
            &long,
        ] {
            let fault = PublishableKey::parse(text).unwrap_err();
            assert_eq!(fault, KeyFault::Malformed(KeyKind::Publishable), "{text:?}");
        }
    }

    #[test]
    fn nothing_that_can_be_printed_holds_a_key() {
        let publishable = PublishableKey::parse(PUBLISHABLE).unwrap();
        let secret = SecretKey::parse(SECRET).unwrap();
        let mut said = vec![format!("{publishable:?} {:?}", publishable.bearer())];
        said.push(format!("{secret:?}"));
        for text in [PUBLISHABLE, SECRET, "garbage of a key"] {
            let faults = [
                PublishableKey::parse(text).err(),
                SecretKey::parse(text).err(),
            ];
            said.extend(faults.map(|fault| {
                format!(
                    "{fault:?} {}",
                    fault.map_or(String::new(), |fault| fault.to_string())
                )
            }));
        }
        let said = said.join("\n");
        for part in ["0123456789", "ABCDEF", "garbage"] {
            assert!(!said.contains(part), "{said}");
        }
        assert_eq!(said.matches("[REDACTED]").count(), 2, "{said}");
    }

    #[test]
    fn keys_are_told_apart_by_the_beginning_of_their_hash() {
        let id = PublishableKey::parse(PUBLISHABLE).unwrap().id();
        // printf %s pk_live_0123456789abcdefABCDEF_- | sha256sum
        assert_eq!(id.to_string(), "222834c8");
    }

    #[test]
    fn what_holds_a_key_is_wiped() {
        fn wiped<T: zeroize::ZeroizeOnDrop>() {}
        wiped::<Zeroizing<String>>();
        // An HMAC is two of these.
        wiped::<Sha256>();
    }
}
