//! The names of a domain row that are drawn by lot.

/// Random bytes that one identifier is made of.
pub const IDENTIFIER_RANDOM_BYTES: usize = 16;

/// The id that clients see: `dom_` and 16 of `a-z0-9`, 82 bits of chance.
pub fn public_id(random: &[u8; IDENTIFIER_RANDOM_BYTES]) -> String {
    format!("dom_{}", base36(random))
}

/// The local part of a domain's own report address: 16 of `a-z0-9`, which no mail system changes or folds.
pub fn rua_token(random: &[u8; IDENTIFIER_RANDOM_BYTES]) -> String {
    base36(random)
}

/// 16 digits of the number that the bytes are: 36^16 is 2^82.7, so 128 bits leave no letter noticeably likelier.
fn base36(random: &[u8; IDENTIFIER_RANDOM_BYTES]) -> String {
    let mut number = u128::from_le_bytes(*random);
    (0..16)
        .map(|_| {
            let digit = (number % 36) as u32;
            number /= 36;
            char::from_digit(digit, 36).unwrap_or('0')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_the_documented_form() {
        for random in [[0; 16], [255; 16], [0x5a; 16]] {
            let id = public_id(&random);
            let digits = id.strip_prefix("dom_").expect("starts with dom_");
            assert_eq!(digits.len(), 16);
            assert!(
                digits.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9')),
                "{id}"
            );
            assert_eq!(rua_token(&random), digits);
        }
    }

    #[test]
    fn other_random_bytes_give_another_identifier() {
        assert_ne!(public_id(&[1; 16]), public_id(&[2; 16]));
    }
}
