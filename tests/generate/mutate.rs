//! What can happen to a payload between its writer and us.
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One change of the bytes.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Truncate(Index),
    FlipBit(Index, u32),
    Delete(Index, usize),
    Insert(Index, Vec<u8>),
    /// Repeats a slice elsewhere.
    Repeat(Index, usize, Index),
    /// Writes one of the payload's numbers otherwise.
    ReplaceNumber(Index, &'static str),
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        1 => at().prop_map(Mutation::Truncate),
        2 => (at(), 0_u32..8).prop_map(|(at, bit)| Mutation::FlipBit(at, bit)),
        2 => (at(), 1_usize..4).prop_map(|(at, len)| Mutation::Delete(at, len)),
        3 => (at(), intruder()).prop_map(|(at, intruder)| Mutation::Insert(at, intruder)),
        1 => (at(), 1_usize..30, at()).prop_map(|(from, len, to)| Mutation::Repeat(from, len, to)),
        3 => (at(), select(NUMBERS)).prop_map(|(at, number)| Mutation::ReplaceNumber(at, number)),
    ]
}

const NUMBERS: &[&str] = &[
    "NaN", "Infinity", "-", "1e400", "-0", "1E5", "01", "1.", ".5", "+1", "1e", "1e+", "-1",
    "0x10", "1_000", "2", "\"2\"", "2.0",
];

fn intruder() -> impl Strategy<Value = Vec<u8>> {
    let text = select(vec![
        "\\ud800",
        "\\udc00\\ud800",
        "\\ud83d\\ude00",
        "\\u00",
        "\\x",
        "\\",
        "\"",
        ",",
        ":",
        "{",
        "}",
        "[",
        "]",
        "[]",
        "{}",
        " ",
        "\u{feff}",
        "\0",
        "\x01",
        "\n",
        "nul",
        "null",
        "NaN",
        "/**/",
        "0",
        "1",
        "-",
        "\"a\":1,",
        ",\"id\":\"1\"",
        "\u{2028}",
    ]);
    prop_oneof![
        6 => text.prop_map(|text| text.as_bytes().to_vec()),
        2 => select(vec![&b"\xff"[..], b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]).prop_map(<[u8]>::to_vec),
        1 => (1_usize..80).prop_map(|depth| "[".repeat(depth).into_bytes()),
        1 => (1_usize..80).prop_map(|depth| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)).into_bytes()),
    ]
}

impl Mutation {
    pub(crate) fn apply(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match self {
            Self::Truncate(at) => bytes.truncate(place(at)),
            Self::FlipBit(at, bit) => {
                let place = place(at);
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Delete(at, len) => {
                let place = place(at);
                bytes.drain(place..bytes.len().min(place + len));
            }
            Self::Insert(at, intruder) => {
                let place = place(at);
                bytes.splice(place..place, intruder.iter().copied());
            }
            Self::Repeat(from, len, to) => {
                let (from, to) = (place(from), place(to));
                let slice = bytes[from..bytes.len().min(from + len)].to_vec();
                bytes.splice(to..to, slice);
            }
            Self::ReplaceNumber(at, number) => replace_number(&mut bytes, *at, number),
        }
        bytes
    }
}

fn replace_number(bytes: &mut Vec<u8>, at: Index, number: &str) {
    let is_number = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let begins = |at: &usize| {
        bytes[*at].is_ascii_digit() && !bytes[..*at].last().copied().is_some_and(is_number)
    };
    let starts: Vec<_> = (0..bytes.len()).filter(begins).collect();
    if starts.is_empty() {
        return;
    }
    let start = *at.get(&starts);
    let len = bytes[start..]
        .iter()
        .take_while(|byte| is_number(**byte))
        .count();
    bytes.splice(start..start + len, number.bytes());
}
