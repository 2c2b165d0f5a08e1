//! What a place lists, within limits: what is new, and what has gone.

use std::collections::{HashMap, HashSet};

use super::{Change, Found, Next, Shelf, Start};
use crate::feeds::outcome::Failure;
use crate::health::Trouble;
use crate::store::ItemState;

/// New messages that are listed before they are read. What is behind them is listed again afterwards.
const NEW_MAX: usize = 10_000;
/// Pages of one listing. A place whose pages do not end would be listed for ever.
const PAGES_MAX: usize = 10_000;
/// Longest name. Names are keys of the database, whose index takes 2,700 bytes at most.
const NAME_BYTES_MAX: usize = 1_600;

/// What is remembered of the messages of a place: the state of each, and the attempts that were made.
pub(super) type Known = HashMap<String, (ItemState, u32)>;

/// A listing.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// What is not known yet, in the order of the place.
    pub new: Vec<Found>,
    /// What is known and has gone.
    pub gone: Vec<String>,
    /// Whether there are more new messages.
    pub is_cut: bool,
    /// Where changes are asked for next time.
    pub cursor: Option<String>,
}

/// Lists a place from its beginning, or what has changed behind `cursor`. `None`: the place does not know `cursor` any
/// more.
pub(super) async fn list<S: Shelf>(shelf: &S, cursor: Option<&str>, known: &Known) -> Result<Option<Listing>, Failure> {
    let mut listing = Listing::default();
    let mut names = HashSet::new();
    // From the beginning, what is not found has gone.
    let mut gone: HashSet<String> = match cursor {
        None => known.keys().cloned().collect(),
        Some(_) => HashSet::new(),
    };
    let mut behind: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let from = match (&behind, cursor) {
            (Some(page), _) => Start::Page(page),
            (None, Some(cursor)) => Start::Changes(cursor),
            (None, None) => Start::Beginning,
        };
        let Some(page) = shelf.page(from).await? else {
            return Ok(None);
        };
        for change in page.changes {
            match change {
                Change::Gone(name) if known.contains_key(&name) => drop(gone.insert(name)),
                Change::Gone(_) => {}
                Change::Found(found) if known.contains_key(&found.name) => drop(gone.remove(&found.name)),
                Change::Found(found) if names.contains(&found.name) => {}
                Change::Found(found) => {
                    check_name(&found.name)?;
                    names.insert(found.name.clone());
                    listing.new.push(found);
                }
            }
        }
        if listing.new.len() >= NEW_MAX {
            listing.is_cut = true;
            return Ok(Some(listing));
        }
        match page.next {
            Next::Page(next) if behind.as_ref() == Some(&next) => {
                return Err(Failure::new(Trouble::Answer, "a page of the listing leads to itself"));
            }
            Next::Page(next) => behind = Some(next),
            Next::End(cursor) => {
                listing.gone = gone.into_iter().collect();
                listing.cursor = cursor;
                return Ok(Some(listing));
            }
        }
    }
    let what = format!("the listing has more than {PAGES_MAX} pages");
    Err(Failure::new(Trouble::Answer, what))
}

/// Names are ours or the server's: ASCII without spaces in either case.
fn check_name(name: &str) -> Result<(), Failure> {
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    match is_name {
        true => Ok(()),
        false => Err(Failure::new(
            Trouble::Answer,
            format!("{name:?} is not the id of a message"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::{Destination, Fetched, Page, PutAway};
    use super::*;

    /// Answers with these pages, one after the other; then it does not know what is asked for.
    struct Pages(Mutex<Vec<Page>>);

    impl Shelf for Pages {
        async fn page(&self, _: Start<'_>) -> Result<Option<Page>, Failure> {
            let mut pages = self.0.lock().unwrap();
            Ok((!pages.is_empty()).then(|| pages.remove(0)))
        }

        async fn fetch(&self, _: &str) -> Result<Fetched, Failure> {
            Ok(Fetched::Gone)
        }

        async fn put_away(&self, _: &str, _: Destination) -> Result<PutAway, Failure> {
            Ok(PutAway::Stays)
        }

        fn origin(&self, name: &str) -> String {
            name.to_owned()
        }
    }

    fn found(name: &str) -> Change {
        Change::Found(Found {
            name: name.to_owned(),
            bytes: None,
        })
    }

    fn gone(name: &str) -> Change {
        Change::Gone(name.to_owned())
    }

    fn pages(pages: Vec<(Vec<Change>, Next)>) -> Pages {
        let pages = pages.into_iter().map(|(changes, next)| Page { changes, next });
        Pages(Mutex::new(pages.collect()))
    }

    fn known(names: &[&str]) -> Known {
        let known = names.iter().map(|name| ((*name).to_owned(), (ItemState::Settled, 0)));
        known.collect()
    }

    fn next(name: &str) -> Next {
        Next::Page(name.to_owned())
    }

    #[tokio::test]
    async fn from_the_beginning_what_is_not_found_has_gone() {
        let shelf = pages(vec![
            (vec![found("b"), found("a"), found("old")], next("1")),
            (vec![found("a"), found("c")], Next::End(Some("now".to_owned()))),
        ]);
        let listing = list(&shelf, None, &known(&["old", "older"])).await.unwrap().unwrap();
        let new: Vec<_> = listing.new.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(new, ["b", "a", "c"], "each once");
        assert_eq!((listing.gone, listing.is_cut), (vec!["older".to_owned()], false));
        assert_eq!(listing.cursor.as_deref(), Some("now"));
    }

    #[tokio::test]
    async fn of_changes_only_what_has_gone_and_did_not_come_back_is_gone() {
        let changes = vec![gone("a"), found("a"), gone("b"), gone("unknown"), found("new")];
        let shelf = pages(vec![(changes, Next::End(None))]);
        let listing = list(&shelf, Some("then"), &known(&["a", "b", "c"]))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((listing.gone, listing.new.len()), (vec!["b".to_owned()], 1));
        assert!(
            list(&shelf, Some("then"), &known(&[])).await.unwrap().is_none(),
            "it is too old"
        );
    }

    #[tokio::test]
    async fn a_hostile_listing_ends() {
        let same = || (Vec::new(), next("same"));
        let refused = list(&pages(vec![same(), same()]), None, &known(&[])).await;
        assert!(refused.unwrap_err().detail.contains("leads to itself"));
        let turn = |nth: usize| (Vec::new(), next(&(nth % 2).to_string()));
        let refused = list(&pages((0..=PAGES_MAX).map(turn).collect()), None, &known(&[])).await;
        assert!(refused.unwrap_err().detail.contains("more than 10000 pages"));
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for name in ["", "a b", "a\0", "ä", &long] {
            let shelf = pages(vec![(vec![found(name)], Next::End(None))]);
            assert!(list(&shelf, None, &known(&[])).await.is_err(), "{name:?}");
        }
        let many = |page: usize| {
            let names = (0..1_000).map(|nth| found(&format!("{page}-{nth}")));
            (names.collect(), next(&page.to_string()))
        };
        let listing = list(&pages((0..50).map(many).collect()), None, &known(&["old"])).await;
        let listing = listing.unwrap().unwrap();
        assert_eq!((listing.new.len(), listing.is_cut), (NEW_MAX, true));
        assert!(listing.gone.is_empty(), "the rest was not looked at");
    }
}
