//! The caller's place in a trace: the `traceparent` of W3C Trace Context.

/// A span of the caller's, which an evaluation is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace; not 0.
    pub trace_id: u128,
    /// The caller's span in it; not 0.
    pub parent_id: u64,
    /// Bit 0: the caller's trace is sampled.
    pub flags: u8,
}

impl TraceParent {
    /// The header that carries it, in HTTP and in gRPC metadata.
    pub const HEADER: &'static str = "traceparent";
    /// The flag of a trace that its caller records.
    pub const SAMPLED: u8 = 1;

    /// Reads the header's value. What is no `traceparent` is none: tracing is the caller's affair, and its mistakes in it
    /// change no verdict.
    #[must_use]
    pub fn read(value: &[u8]) -> Option<Self> {
        let (head, rest) = value.split_at_checked(LENGTH)?;
        let [v1, v2, b'-', head @ ..] = head else {
            return None;
        };
        let version = hex(&[*v1, *v2])?;
        // Version ff is none; later ones may add parts behind a dash, version 00 has no more.
        let whole = rest.is_empty() || version > 0 && rest.starts_with(b"-");
        if version == 0xff || !whole {
            return None;
        }
        let (trace_id, head) = head.split_at_checked(32)?;
        let (parent_id, flags) = head.strip_prefix(b"-")?.split_at_checked(16)?;
        let parent = Self {
            trace_id: hex(trace_id)?,
            parent_id: u64::try_from(hex(parent_id)?).ok()?,
            flags: u8::try_from(hex(flags.strip_prefix(b"-")?)?).ok()?,
        };
        (parent.trace_id != 0 && parent.parent_id != 0).then_some(parent)
    }

    /// True when the caller records its part of the trace.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & Self::SAMPLED != 0
    }
}

/// The number that lower-case hexadecimal digits write, 32 of them at most. The standard allows no upper case.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

/// Bytes of version, trace, span and flags with the dashes between them.
const LENGTH: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_parent_is_read() {
        let parent = TraceParent::read(GOOD.as_bytes()).unwrap();
        assert_eq!(parent.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(parent.parent_id, 0xb7ad_6b71_6920_3331);
        assert!(parent.is_sampled());
        let unsampled = GOOD.replace("-01", "-02");
        assert!(
            !TraceParent::read(unsampled.as_bytes())
                .unwrap()
                .is_sampled()
        );
    }

    #[test]
    fn a_later_version_may_say_more() {
        let later = GOOD.replacen("00", "cc", 1);
        assert!(TraceParent::read(later.as_bytes()).is_some());
        assert!(TraceParent::read(format!("{later}-more").as_bytes()).is_some());
        assert!(TraceParent::read(format!("{later}more").as_bytes()).is_none());
    }

    #[test]
    fn what_is_no_parent_is_none() {
        let bad = [
            "",
            "00",
            GOOD.split_at(1).1,
            &format!("{GOOD}-more"),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replacen("00", "0x", 1),
            &GOOD.replace("af", "AF"),
            &GOOD.replace("-b7", "0b7"),
            &GOOD.replace("-01", "001"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ];
        for value in bad {
            assert_eq!(TraceParent::read(value.as_bytes()), None, "{value}");
        }
    }
}
