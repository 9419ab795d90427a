//! The keys that are read of each kind of object.

/// The keys of one kind of object that somebody reads.
pub(crate) trait Key: Copy {
    /// The key with this name, escapes decoded.
    fn find(name: &[u8]) -> Option<Self>;
    /// A bit of its own for every key.
    fn bit(self) -> u32;
}

/// Declares the keys of an object that are read; all others are stepped over.
macro_rules! keys {
    ($(#[$doc:meta])* $name:ident { $($key:ident = $text:literal),* $(,)? }) => {
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

            fn bit(self) -> u32 {
                1 << (self as u8)
            }
        }
    };
}
pub(crate) use keys;
