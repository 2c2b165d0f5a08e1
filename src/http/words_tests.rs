//! The words in `api` are those of the database.

use crate::api::{
    AUTHENTICATED_WORDS, PERMISSION_WORDS, PURPOSE_WORDS, REGION_WORDS, SET_ASIDE_WORDS, STATUS_WORDS, TLS_WORDS,
};
use crate::store::{Authenticated, DomainStatus, Permission, Purpose, Region, SetAsideKind, TlsMode};

fn words<T: Copy>(all: &[T], word: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|&value| word(value)).collect()
}

#[test]
fn words_of_the_api_are_those_of_the_database() {
    assert_eq!(words(DomainStatus::ALL, DomainStatus::word), STATUS_WORDS);
    assert_eq!(words(Permission::ALL, Permission::word), PERMISSION_WORDS);
    assert_eq!(words(Region::ALL, Region::word), REGION_WORDS);
    assert_eq!(words(TlsMode::ALL, TlsMode::word), TLS_WORDS);
    assert_eq!(words(Authenticated::ALL, Authenticated::word), AUTHENTICATED_WORDS);
    assert_eq!(words(Purpose::ALL, Purpose::word), PURPOSE_WORDS);
    assert_eq!(words(SetAsideKind::ALL, SetAsideKind::word), SET_ASIDE_WORDS);
}
