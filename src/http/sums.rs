//! Sums and shares of messages.

/// Computed in whole tenths, so that no binary fraction decides about a half.
pub(super) fn pass_rate(pass: u64, fail: u64) -> f64 {
    let (pass, messages) = (u128::from(pass), u128::from(pass) + u128::from(fail));
    if messages == 0 {
        return 0.0;
    }
    let tenths = (pass * 2_000 + messages) / (messages * 2);
    tenths as f64 / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pass_rate_is_rounded_to_one_decimal_half_up() {
        for (pass, fail, expect) in [
            (0, 0, "0.0"),
            (44_865, 135, "99.7"),
            (1, 0, "100.0"),
            (0, 5, "0.0"),
            (1, 2, "33.3"),
            (2, 1, "66.7"),
            (1, 1_999, "0.1"),
            (9_996, 4, "100.0"),
            (9_994, 6, "99.9"),
            (u64::MAX - 1, 1, "100.0"),
        ] {
            assert_eq!(
                serde_json::to_string(&pass_rate(pass, fail)).unwrap(),
                expect,
                "{pass} of {fail}"
            );
        }
    }
}
