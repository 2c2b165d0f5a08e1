//! How settings are described: once, with the documentation, the name and the place of each.

/// A section or a setting with its description.
pub(super) struct Described<Below> {
    pub name: &'static str,
    pub doc: &'static [&'static str],
    pub below: Below,
}

/// Declares how sections are written: the description of each setting, its name, its place in the section's type, and
/// the unit in which it is written there if it is another one. A section below another one, as in `outbound.mail`, is also a
/// setting of that one. `$TABLE` lists the descriptions.
macro_rules! settings {
    ($TABLE:ident: $(
        $(#[doc = $section_doc:literal])+
        $section:ident $(. $below:ident)?: $Section:ty {
            $( $(#[doc = $doc:literal])+ $key:ident => $($place:ident).+ $(as $Unit:ty)?; )+
        }
    )+) => {
        $(
            impl serde::Serialize for $Section {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    use serde::ser::SerializeMap as _;
                    let mut map = serializer.serialize_map(None)?;
                    $( map.serialize_entry(stringify!($key), write_setting!(self.$($place).+ $(, $Unit)?))?; )+
                    map.end()
                }
            }

            impl<'de> serde::Deserialize<'de> for $Section {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    struct Keys;

                    impl<'de> serde::de::Visitor<'de> for Keys {
                        type Value = $Section;

                        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                            f.write_str("a table of settings")
                        }

                        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$Section, A::Error> {
                            let mut section = <$Section>::default();
                            while let Some(key) = map.next_key::<String>()? {
                                match key.as_str() {
                                    $( stringify!($key) => section.$($place).+ = read_setting!(map $(, $Unit)?), )+
                                    unknown => {
                                        let known = &[$(stringify!($key)),+];
                                        return Err(serde::de::Error::unknown_field(unknown, known));
                                    }
                                }
                            }
                            Ok(section)
                        }
                    }

                    deserializer.deserialize_map(Keys)
                }
            }
        )+

        /// Every section with its settings, in the order of the example.
        pub(super) const $TABLE: &[Described<&[Described<()>]>] = &[
            $( Described {
                name: concat!(stringify!($section) $(, ".", stringify!($below))?),
                doc: &[$($section_doc),+],
                below: &[ $( Described { name: stringify!($key), doc: &[$($doc),+], below: () } ),+ ],
            } ),+
        ];
    };
}

macro_rules! write_setting {
    ($place:expr) => {
        &$place
    };
    ($place:expr, $Unit:ty) => {
        &<$Unit>::from(&$place)
    };
}

macro_rules! read_setting {
    ($map:ident) => {
        $map.next_value()?
    };
    ($map:ident, $Unit:ty) => {
        $map.next_value::<$Unit>()?.into()
    };
}
