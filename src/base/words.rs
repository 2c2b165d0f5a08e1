//! Closed sets of words.

/// Declares an enum, with the stable code of each value in the database and its stable word on the wire:
/// `words! { /// A requested policy. Policy: u8 { None = 0 "none", Quarantine = 1 "quarantine" } }`.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident: $code:ident { $($(#[$vmeta:meta])* $variant:ident = $value:literal $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every value, by ascending code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The canonical word, as the standard spells it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value for exactly this canonical (lower-case) word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// The stable code in the database.
            pub const fn code(self) -> $code {
                match self { $(Self::$variant => $value),+ }
            }

            /// The value of a stored code; `None` for a code from a newer version.
            pub const fn from_code(code: $code) -> Option<Self> {
                match code { $($value => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

pub(crate) use words;
