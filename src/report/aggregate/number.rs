//! Whole numbers as reporters write them: `1,234`, `1.7955648E9`, `3.0`.

/// Longest text that can be a number: a float that is printed in full has 24 characters.
const BYTES_MAX: usize = 48;
/// Number of digits that always fit into 64 bits.
const PLAIN_DIGITS_MAX: usize = 18;
/// Larger exponents are not believed: 10^18 is the last power of ten below 2^63.
const EXPONENT_MAX: usize = 18;
/// What stands between groups of three digits, or before a fraction. U+00A0, U+2009, U+202F: narrow spaces.
const SEPARATORS: [char; 9] = ['.', ',', ' ', '\'', '_', '\u{2019}', '\u{A0}', '\u{2009}', '\u{202F}'];

/// A number in any of the forms that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    /// Rounded down.
    pub whole: u64,
    pub form: Form,
    /// Whether a digit after the point is not zero.
    pub has_fraction: bool,
}

/// How a number is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Digits only.
    Digits,
    /// Digits, a point, digits.
    Point,
    /// One to three digits, a point, three digits: a fraction to some, thousands to others.
    PointOrGroup,
    /// Groups, an exponent, a comma, a sign.
    Other,
}

/// The number in a text, as a whole; `None` if it is not a number, has more than one reading, or does not fit.
pub(super) fn number(text: &str) -> Option<Number> {
    if text.len() > BYTES_MAX {
        return None;
    }
    // Nearly every count, once per record.
    if (1..=PLAIN_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Number {
            whole: text
                .bytes()
                .fold(0, |whole, digit| whole * 10 + u64::from(digit - b'0')),
            form: Form::Digits,
            has_fraction: false,
        });
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction, form) = parts(mantissa, exponent)?;
    let digits = format!("{whole}{fraction}");
    let point = match exponent {
        None => whole.len(),
        Some(exponent) => moved(whole.len(), exponent)?,
    };
    let (before, behind) = digits.split_at(point.min(digits.len()));
    let before = format!("{before:0<point$}");
    let significant = before.trim_start_matches('0');
    Some(Number {
        whole: if significant.is_empty() {
            0
        } else {
            significant.parse().ok()?
        },
        form: if mantissa.len() < text.len() { Form::Other } else { form },
        has_fraction: behind.bytes().any(|byte| byte != b'0'),
    })
}

/// The digits before and behind the point of a number with this exponent.
fn parts<'t>(text: &'t str, exponent: Option<&str>) -> Option<(String, &'t str, Form)> {
    let pieces: Vec<&str> = text.split(SEPARATORS).collect();
    let separators: Vec<char> = text.chars().filter(|char| SEPARATORS.contains(char)).collect();
    let are_digits = |piece: &&str| piece.bytes().all(|byte| byte.is_ascii_digit());
    let (first, rest) = pieces.split_first()?;
    if first.is_empty() || !pieces.iter().all(are_digits) {
        return None;
    }
    let groups = |rest: &[&str]| {
        let are_groups = first.len() <= 3 && rest.iter().all(|group| group.len() == 3);
        (are_groups && exponent.is_none()).then(|| format!("{first}{}", rest.concat()))
    };
    let same = |separators: &[char]| separators.windows(2).all(|pair| pair[0] == pair[1]);
    match (&*separators, rest) {
        ([], _) => Some(((*first).to_owned(), "", Form::Digits)),
        (['.'], [fraction]) => {
            let form = match (groups(rest).is_some(), fraction.is_empty()) {
                (true, _) => Form::PointOrGroup,
                (false, true) => Form::Other,
                (false, false) => Form::Point,
            };
            Some(((*first).to_owned(), fraction, form))
        }
        ([','], [fraction]) if groups(rest).is_none() && !fraction.is_empty() => {
            Some(((*first).to_owned(), fraction, Form::Other))
        }
        (all, rest) if same(all) => Some((groups(rest)?, "", Form::Other)),
        ([before @ .., '.' | ','], [rest @ .., fraction]) if same(before) && before[0] != separators[before.len()] => {
            Some((groups(rest)?, fraction, Form::Other))
        }
        _ => None,
    }
}

/// Where the point is after an exponent has moved it.
fn moved(point: usize, exponent: &str) -> Option<usize> {
    let digits = exponent.trim_start_matches(['+', '-']);
    if exponent.len() - digits.len() > 1 || digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let by: usize = digits.parse().ok().filter(|by| *by <= EXPONENT_MAX)?;
    Some(match exponent.starts_with('-') {
        true => point.saturating_sub(by),
        false => point + by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<(u64, Form, bool)>) {
        let read = number(text).map(|it| (it.whole, it.form, it.has_fraction));
        assert_eq!(read, expect, "{text}");
    }

    #[test]
    fn numbers() {
        check("0", Some((0, Form::Digits, false)));
        check("1795564800", Some((1_795_564_800, Form::Digits, false)));
        check("1795564800.123", Some((1_795_564_800, Form::Point, true)));
        check("12.0", Some((12, Form::Point, false)));
        check("12.000", Some((12, Form::PointOrGroup, false)));
        for (text, whole, has_fraction) in [
            ("1.7955648E9", 1_795_564_800, false),
            ("1.795651199e+09", 1_795_651_199, false),
            ("17955648E2", 1_795_564_800, false),
            ("1,7955648E9", 1_795_564_800, false),
            ("17955648005E-1", 1_795_564_800, true),
            ("5E-3", 0, true),
            ("0E5", 0, false),
            ("1,795,564,800", 1_795_564_800, false),
            ("1.795.564.800", 1_795_564_800, false),
            ("1 795 564 800", 1_795_564_800, false),
            ("1\u{202F}795\u{202F}564\u{202F}800", 1_795_564_800, false),
            ("1\u{2019}795\u{2019}564\u{2019}800", 1_795_564_800, false),
            ("1_795_564_800", 1_795_564_800, false),
            ("1,795,564,800.5", 1_795_564_800, true),
            ("1.795.564.800,0", 1_795_564_800, false),
            ("1795564800,25", 1_795_564_800, true),
            ("1795564800.", 1_795_564_800, false),
            ("+7", 7, false),
            ("1,234", 1_234, false),
        ] {
            check(text, Some((whole, Form::Other, has_fraction)));
        }
    }

    #[test]
    fn no_numbers() {
        for text in [
            "",
            "-1",
            ".5",
            "x",
            "0x1F",
            "1e",
            "1E1E1",
            "1e--2",
            "1E19",
            "1E999",
            "9E18E",
            "1,2,3",
            "12,34,567",
            "1 2",
            "1234,567,890",
            "1,234.567,8",
            "1..5",
            "1,,5",
            "1.234.56",
            "99999999999999999999",
            "1.000E999999999999",
            "\u{663}",
            "1 000 E 3",
        ] {
            check(text, None);
        }
        check(&"9".repeat(60), None);
    }
}
