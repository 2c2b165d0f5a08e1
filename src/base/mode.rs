//! Kinds of accounts.

use super::words;

words! {
    /// Live or test: the prefix of the account's keys.
    Mode: i64 {
        Live = 0 "live",
        Test = 1 "test",
    }
}
