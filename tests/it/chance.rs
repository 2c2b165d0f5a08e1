//! Numbers for courses of events that can be repeated, and what the environment says about how long a test is.

/// A small generator of numbers.
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A number of the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the long form of a test is asked for in the environment"
    )]
    let set = std::env::var(name);
    set.map_or(default, |text| text.parse().expect("a number"))
}
