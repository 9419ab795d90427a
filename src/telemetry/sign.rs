//! Signatures: what proves to a collector that a body is ours, unchanged and fresh (spec: telemetry §4).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;

use super::keys::SecretKey;

/// The signatures of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signatures {
    /// `X-Pecta-Signature`: of the body alone.
    pub(super) body: String,
    /// `webhook-signature`, as Standard Webhooks define it: of the id, the time and the body, so that what was captured
    /// is of no use later or under another id.
    pub(super) webhook: String,
}

impl Signatures {
    /// Signs `body`, the bytes exactly as they are sent, under the id and the time that are sent with it.
    pub(super) fn new(key: &SecretKey, id: &str, timestamp: &str, body: &[u8]) -> Self {
        let stamped = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        Self {
            body: format!("sha256={}", hex(&mac(key, &[body]))),
            webhook: format!("v1,{}", STANDARD.encode(mac(key, &stamped))),
        }
    }
}

fn mac(key: &SecretKey, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = key.mac();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::keys::Key as _;

    /// By Python: `hmac.new(key, message, hashlib.sha256)`, with the text of the key as it stands, prefix and all.
    #[test]
    fn signatures_are_those_that_another_implementation_makes() {
        let key = SecretKey::parse("sk_live_0123456789abcdef").unwrap();
        let signed = Signatures::new(&key, "id-1", "1700000000", b"{\"a\":1}");
        assert_eq!(
            signed.body,
            "sha256=1621a340f110756a5ec0d856e01cf10de65012147cf4efd27d037ea79570bac2"
        );
        assert_eq!(
            signed.webhook,
            "v1,qqRw60sUGAWk6YWVVmn36pfRsdcq4wcdzKPDlWT//o8="
        );
    }

    #[test]
    fn id_time_and_body_are_all_signed() {
        let key = SecretKey::parse("sk_live_0123456789abcdef").unwrap();
        let one = Signatures::new(&key, "id", "1", b"{}");
        for other in [
            Signatures::new(&key, "ie", "1", b"{}"),
            Signatures::new(&key, "id", "2", b"{}"),
            Signatures::new(&key, "id", "1", b"{ }"),
        ] {
            assert_ne!(one.webhook, other.webhook);
        }
    }
}
