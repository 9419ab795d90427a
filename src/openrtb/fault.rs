//! What can be wrong with a payload.

/// Why a payload cannot be read, and at which byte. Small, for every step of a reader may return one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: What,
    pub(crate) at: u32,
}

macro_rules! whats {
    ($($what:ident = $message:literal,)*) => {
        /// What is wrong with a payload.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum What {
            $($what,)*
        }

        impl What {
            /// What is wrong, in words.
            pub(crate) const fn message(self) -> &'static str {
                match self {
                    $(Self::$what => $message,)*
                }
            }
        }
    };
}

whats! {
    NotAnObject = "expected an object",
    NotAString = "expected a string",
    NotAValue = "expected a value",
    NotAWord = "expected true, false or null",
    NoDigit = "expected a digit",
    NoColon = "expected a colon",
    NoCommaOrBrace = "expected a comma or a closing brace",
    NoCommaOrBracket = "expected a comma or a closing bracket",
    WrongBracket = "the closing bracket does not match the opening one",
    ControlCharacter = "a control character in a string",
    UnknownEscape = "an unknown escape in a string",
    NoHexDigits = "a \\u escape without four hex digits",
    LoneSurrogate = "a lone surrogate in a string",
    StrayBackslash = "a backslash outside a string",
    InvalidUtf8 = "invalid UTF-8",
    KeyTwice = "the key stands twice",
    EndsTooEarly = "the payload ends too early",
    TrailingBytes = "bytes after the end of the object",
    TooLong = "more bytes than can be read",
    TooDeep = "nested too deeply",
    TooManyImps = "too many imps",
    TooManyBids = "too many bids",
    TooManyListEntries = "too many block-list entries",
    TooManyDurationFloors = "too many duration floors",
}

impl What {
    /// True for more than a configured limit; everything else is not JSON, or JSON that receivers read differently.
    pub(crate) const fn is_limit(self) -> bool {
        matches!(
            self,
            Self::TooLong
                | Self::TooDeep
                | Self::TooManyImps
                | Self::TooManyBids
                | Self::TooManyListEntries
                | Self::TooManyDurationFloors
        )
    }
}

pub(crate) type Read<T> = Result<T, Fault>;

#[cold]
pub(super) fn fault(what: What, at: usize) -> Fault {
    Fault {
        what,
        at: u32::try_from(at).unwrap_or(u32::MAX),
    }
}
