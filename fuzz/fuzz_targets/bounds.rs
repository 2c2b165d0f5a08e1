//! What bounds the reading of a message in more than one target.

use std::cell::Cell;

use tallymark::unpack::Limits;

/// Small enough that an input is done in some milliseconds.
pub fn limits() -> Limits {
    Limits {
        xml_bytes_max: 1 << 20,
        inflated_bytes_max: 8 << 20,
        ..Limits::default()
    }
}

/// Says stop after 20,000 calls: a bound on time that does not depend on the machine.
pub fn steps() -> impl Fn() -> bool {
    let steps = Cell::new(0_u32);
    move || {
        steps.set(steps.get() + 1);
        steps.get() > 20_000
    }
}
