//! Names of hosts as texts of strangers have them.

/// Whether a text can be the name of a host or a domain: letters, digits, hyphens, underscores and dots.
pub fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(is_label)
}
