//! The place of a leaf, for display: a path made of hostile names.

use crate::base::text::shown;

/// One name in a path.
const NAME_BYTES_MAX: usize = 80;
/// The whole path; deeper names are left out.
const PATH_BYTES_MAX: usize = 300;
/// A file name as a hint.
const HINT_BYTES_MAX: usize = 255;

/// `path > name`, with the name cut and escaped.
pub(super) fn join(path: &str, name: &str) -> String {
    let mut joined = String::with_capacity(path.len() + name.len() + 3);
    joined.push_str(path);
    if !path.is_empty() {
        joined.push_str(" > ");
    }
    joined.push_str(&shown(name, NAME_BYTES_MAX));
    if joined.len() > PATH_BYTES_MAX {
        joined.truncate(joined.floor_char_boundary(PATH_BYTES_MAX - '…'.len_utf8()));
        joined.push('…');
    }
    joined
}

/// A file name that is short enough to keep.
pub(super) fn hint(name: &str) -> &str {
    &name[..name.floor_char_boundary(HINT_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_cut() {
        assert_eq!(join("part 2", "report.zip"), "part 2 > report.zip");
        assert_eq!(join("", "a\r\n\u{1b}[1m"), "a\\u{d}\\u{a}\\u{1b}[1m");
        assert_eq!(join("", "gnp.\u{202e}lmx"), "gnp.\\u{202e}lmx");
        assert_eq!(join("", &"x".repeat(100)), format!("{}…", "x".repeat(77)));
        let deep = (0..100).fold(String::new(), |path, _| join(&path, &"ä\n".repeat(50)));
        assert!(deep.len() <= PATH_BYTES_MAX, "{}", deep.len());
    }
}
