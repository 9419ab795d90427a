//! The keys that are read of each kind of object.

use super::fields::Fields;

/// The keys of one kind of object that somebody reads.
pub(crate) trait Key: Copy {
    /// The key with this name, escapes decoded.
    fn find(name: &[u8]) -> Option<Self>;
    /// A bit of its own for every key.
    fn bit(self) -> u64;
    /// The bits of the keys that a policy needs.
    fn wanted(fields: Fields) -> u64;
}

/// Declares the keys of an object that are read; all others are stepped over. `if` names the fields without which a
/// key is stepped over, too.
macro_rules! keys {
    ($(#[$doc:meta])* $name:ident { $($key:ident = $text:literal $(if $needs:expr)?),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        enum $name { $($key),* }

        impl $crate::openrtb::keys::Key for $name {
            fn find(name: &[u8]) -> Option<Self> {
                match name {
                    $($text => Some(Self::$key),)*
                    _ => None,
                }
            }

            fn bit(self) -> u64 {
                1 << (self as u8)
            }

            fn wanted(fields: $crate::openrtb::Fields) -> u64 {
                let mut wanted = 0;
                $(
                    let needs = $crate::openrtb::Fields::ALWAYS$(.narrowed_to($needs))?;
                    wanted |= u64::from(fields.meets(needs)) << (Self::$key as u8);
                )*
                wanted
            }
        }
    };
}
pub(crate) use keys;
