//! Numbers as people read them.

/// Digits in groups of three: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 report`, `2 reports`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// The percentage of messages that passed. Less than all never reads as 100%, and some never read as 0%.
pub fn percent(pass: u64, fail: u64) -> String {
    match (pass, fail) {
        (0, 0) => "–".to_owned(),
        (_, 0) => "100%".to_owned(),
        (0, _) => "0%".to_owned(),
        _ => {
            let percent = 100.0 * pass as f64 / (pass as f64 + fail as f64);
            format!("{:.1}%", percent.clamp(0.1, 99.9))
        }
    }
}

/// A number of bytes, in the largest unit that it fills: `12 B`, `1.5 KiB`, `20.0 MiB`, `1.5 GiB`.
pub fn bytes(number: u64) -> String {
    match number {
        0..=1_023 => format!("{number} B"),
        1_024..=1_048_575 => format!("{:.1} KiB", number as f64 / 1_024.0),
        1_048_576..=1_073_741_823 => format!("{:.1} MiB", number as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", number as f64 / 1_073_741_824.0),
    }
}

/// Adds up; what would be too much stays the largest number.
pub fn total(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn only_all_is_100_per_cent() {
        for (pass, fail, text) in [
            (0, 0, "–"),
            (5, 0, "100%"),
            (0, 5, "0%"),
            (99_999, 1, "99.9%"),
            (1, 99_999, "0.1%"),
            (2, 1, "66.7%"),
        ] {
            assert_eq!(percent(pass, fail), text, "{pass} {fail}");
        }
    }

    #[test]
    fn bytes_have_the_largest_unit_that_they_fill() {
        for (number, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_536, "1.5 KiB"),
            (20 << 20, "20.0 MiB"),
            (3 << 29, "1.5 GiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }
}
