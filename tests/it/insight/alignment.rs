//! Alignment of generated pairs of names, against `publicsuffixlist` from PyPI.

use std::collections::BTreeMap;

use serde::Deserialize;
use tallymark::base::{normalise_domain, organizational_domain};
use tallymark::report::aggregate::{AlignmentMode, is_aligned};

use crate::client::{python, script};

const PAIRS: usize = 10_000;

/// A pair, and what is said of it.
#[derive(Debug, Deserialize)]
struct Pair {
    /// As a reporter may write them.
    texts: [String; 2],
    organizational: [String; 2],
    strict: bool,
    relaxed: bool,
}

#[test]
fn another_reading_of_the_list_aligns_the_same_names() {
    let mut asking = python("python");
    let done = asking
        .arg(script("alignment.py"))
        .arg(PAIRS.to_string())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    let (mut pairs, mut outcomes) = (0, BTreeMap::new());
    for line in text.lines() {
        let pair: Pair = serde_json::from_str(line).unwrap();
        let names = [0, 1].map(|nth| normalise_domain(&pair.texts[nth]).unwrap());
        let owners = [0, 1].map(|nth| organizational_domain(&names[nth]).to_owned());
        assert_eq!(owners, pair.organizational, "{pair:?}");
        for (mode, expect) in [
            (AlignmentMode::Strict, pair.strict),
            (AlignmentMode::Relaxed, pair.relaxed),
        ] {
            let [name, author] = &names;
            assert_eq!(is_aligned(mode, name, author), expect, "{mode:?} {pair:?}");
            assert_eq!(is_aligned(mode, author, name), expect, "{mode:?} {pair:?}");
        }
        pairs += 1;
        *outcomes.entry((pair.strict, pair.relaxed)).or_insert(0) += 1;
    }
    assert_eq!(pairs, PAIRS);
    // Strict alignment is relaxed alignment as well.
    for outcome in [(false, false), (false, true), (true, true)] {
        assert!(outcomes.get(&outcome) > Some(&1_000), "{outcomes:?}");
    }
}
