//! The words that our prose does without: those of another language's word order, and those that name no actor and no
//! quantity. Public texts have none of them. In comments their number may only fall.

use std::collections::BTreeMap;
use std::process::Command;

use super::prose::documents;
use super::source::{Tree, literals, outside_tests};

/// One row of the word list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    /// Write: again, re-.
    Again,
    /// Write: where ... from, there, zero, unbounded.
    Archaic,
    /// Write: except.
    SaveFor,
    /// Write: N, up to N.
    SoMany,
    /// Write: the caller, the client, they.
    Unnamed,
    /// Write: the named actor.
    Somebody,
    /// Write: existing, earlier.
    OfBefore,
    /// Write: is not a.
    IsNo,
    /// Write: is stored, is.
    Lie,
    /// Write: per record.
    APer,
    /// Write: Whether ...
    Question,
    /// Write: be fetched, for lack of, repeatedly, more.
    BeHad,
}

/// What comments may still have: room for a slip in work that is under way. No row grows.
const IN_COMMENTS_MAX: &[(Row, usize)] = &[
    (Row::SoMany, 3),
    (Row::Somebody, 3),
    (Row::IsNo, 3),
    (Row::Lie, 2),
    (Row::Question, 3),
    (Row::BeHad, 2),
];

const NOUNS: &str = "account address batch commit connection domain file key mail message node page query record report \
    request row source statement transaction";
const UNITS: &str = "addresses byte bytes calls cores entries gb kb kib line lines mails mb messages mib ms ns object \
    queries questions records reports requests row rows s second seconds sources statements time times \
    µs";
/// What goes on with a sentence behind its subject.
const VERBS: &str =
    "came can comes costs could did does gets had has holds is may must needs sends takes was will would";
/// "is no longer" and the like are English.
const AFTER_NO: &str = "better less longer more need reason room such way worse";

/// A found word: its row, its line counted from 1, and what stands around it.
#[derive(Debug, PartialEq, Eq)]
struct Hit {
    row: Row,
    line: usize,
    context: String,
}

/// Words that have a better one more often than not: they are counted and printed, and fail nothing.
const HINTS: &[&str] = &[
    "all the same",
    "beside",
    "besides",
    "gives",
    "in place of",
    "of which",
    "says",
    "tells",
    "told",
    "what is done",
    "what is kept",
    "what is known",
    "what is read",
    "what is stored",
];

/// How often each hint stands in a text.
fn hints(text: &str) -> Vec<usize> {
    let words: Vec<_> = split(text).into_iter().map(|(word, _)| word).collect();
    let text = format!(" {} ", words.join(" "));
    HINTS
        .iter()
        .map(|hint| text.matches(&format!(" {hint} ")).count())
        .collect()
}

/// Lower-case words with the line of each; marks between sentences are words of their own.
fn split(text: &str) -> Vec<(String, usize)> {
    let mut words: Vec<(String, usize)> = Vec::new();
    for (line, text) in text.lines().enumerate() {
        if text.trim().is_empty() {
            words.push((".".to_owned(), line + 1));
        }
        let mut word = String::new();
        let mut end = |word: &mut String| {
            if !word.is_empty() {
                words.push((std::mem::take(word), line + 1));
            }
        };
        for c in text.chars().chain([' ']) {
            if c.is_alphanumeric() || !word.is_empty() && "'’_-".contains(c) {
                word.extend(c.to_lowercase());
                continue;
            }
            end(&mut word);
            if ".,;:!?()|".contains(c) {
                word.push(c);
                end(&mut word);
            }
        }
    }
    words
}

/// Whether a list of words, with blanks between them, has this one.
fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|known| known == word)
}

fn row_at(words: &[(String, usize)], at: usize) -> Option<Row> {
    let word = |offset: isize| {
        let word = at.checked_add_signed(offset).and_then(|at| words.get(at));
        word.map_or("", |(word, _)| word.as_str())
    };
    let (before, next, third) = (word(-1), word(1), word(2));
    // Not "the records a domain must publish".
    let is_rate = || ["a", "an"].contains(&next) && is_in(NOUNS, third) && !is_in(VERBS, word(3));
    match word(0) {
        "anew" => Some(Row::Again),
        "whence" | "thither" | "nought" => Some(Row::Archaic),
        "without" if next == "number" => Some(Row::Archaic),
        "save" if ["for", "where", "in", "that"].contains(&next) => {
            let is_verb = ["to", "can", "may", "will", "and", "or"].contains(&before);
            (!is_verb).then_some(Row::SaveFor)
        }
        "so" if ["many", "few", "often", "long", "much"].contains(&next) => {
            let is_english = ["as", "that", "for", "so", "more", "the"].contains(&third) || third.ends_with("er");
            (!is_english).then_some(Row::SoMany)
        }
        "whoever" | "whomever" | "he" | "him" | "his" | "himself" => Some(Row::Unnamed),
        "somebody" | "anybody" | "nobody" | "everybody" => Some(Row::Somebody),
        "of" if next == "before" => Some(Row::OfBefore),
        "is" | "are" if ["no", "none"].contains(&next) => {
            let is_english = ["there", "where", "policy", "p"].contains(&before) || is_in(AFTER_NO, third);
            (!is_english).then_some(Row::IsNo)
        }
        "lie" | "lies" | "lay" | "lain" | "lying" => {
            let is_falsehood = ["reporters", "reporter", "headers", "header"].contains(&before)
                || before == "that" && ["headers", "clocks", "labels", "checksums"].contains(&word(-2));
            (!is_falsehood).then_some(Row::Lie)
        }
        "once" | "twice" | "each" if is_rate() => Some(Row::APer),
        unit if is_in(UNITS, unit) && is_rate() => Some(Row::APer),
        "be" if next == "had" => Some(Row::BeHad),
        "for" if (next, third) == ("want", "of") => Some(Row::BeHad),
        "again" if (next, third) == ("and", "again") => Some(Row::BeHad),
        "further" if next == "ones" => Some(Row::BeHad),
        _ => None,
    }
}

fn hits(text: &str) -> Vec<Hit> {
    let words = split(text);
    let mut hits = Vec::new();
    for at in 0..words.len() {
        if let Some(row) = row_at(&words, at) {
            let around = &words[at.saturating_sub(3)..words.len().min(at + 5)];
            let context = around
                .iter()
                .map(|(word, _)| word.as_str())
                .collect::<Vec<_>>()
                .join(" ");
            hits.push(Hit {
                row,
                line: words[at].1,
                context,
            });
        }
    }
    hits
}

/// Without what stands between back-ticks, and without blocks of code; lines stay where they are.
fn prose(text: &str) -> String {
    let mut is_block = false;
    let mut prose = String::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        is_block ^= is_fence;
        if !is_fence && !is_block {
            let words = line.split('`').step_by(2).collect::<Vec<_>>().join(" x ");
            // The values of http.metrics.
            prose += &words.replace("\"everybody\"", "x").replace("\"nobody\"", "x");
        }
        prose.push('\n');
    }
    prose
}

/// Without the targets of links.
fn without_targets(text: &str) -> String {
    let mut parts = text.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + "] " + part.split_once(')').map_or("", |(_, rest)| rest)
    })
}

fn is_rust_of(folders: &[&str], path: &str) -> bool {
    path.ends_with(".rs") && folders.iter().any(|folder| path.starts_with(folder))
}

/// Texts in the program: errors, log messages, pages, help, settings. Statements and tests are left out.
fn texts_of_the_program(tree: &Tree) -> Vec<(String, String)> {
    let files = tree.files.iter().filter(|(path, _)| super::is_program(path));
    let texts = files.map(|(path, text)| {
        let (_, texts) = literals(&outside_tests(text));
        (path.clone(), prose(&texts))
    });
    texts.collect()
}

/// Comments in Rust, and in SQL but for migrations: their digest is in every database, so they stay as they are.
fn comments(tree: &Tree) -> Vec<(String, String)> {
    let of_file = |(path, text): &(String, String)| {
        if is_rust_of(&["src/", "tests/", "benches/", "fuzz/"], path) {
            return Some((path.clone(), prose(&literals(text).0)));
        }
        let is_sql = path.starts_with("src/") && path.ends_with(".sql");
        let lines = text.lines().map(|line| line.strip_prefix("--").unwrap_or_default());
        is_sql.then(|| (path.clone(), lines.collect::<Vec<_>>().join("\n")))
    };
    tree.files.iter().filter_map(of_file).collect()
}

/// What `--help` prints, of every command.
fn help(path: &[&str], texts: &mut Vec<(String, String)>) {
    let done = Command::new(env!("CARGO_BIN_EXE_tallymark"))
        .args(path)
        .arg("--help")
        .output()
        .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let commands = text.split("\nCommands:\n").nth(1).unwrap_or_default();
    let names = commands.lines().map_while(|line| line.strip_prefix("  "));
    let names = names
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split(' ').next());
    for name in names.filter(|name| *name != "help") {
        help(&[path, &[name]].concat(), texts);
    }
    texts.push((format!("tallymark {} --help", path.join(" ")), text));
}

/// Descriptions and summaries, wherever they stand.
fn descriptions(value: &serde_json::Value, texts: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                match value {
                    serde_json::Value::String(text) if ["description", "summary"].contains(&name.as_str()) => {
                        texts.push(("docs/openapi.json".to_owned(), prose(text)));
                    }
                    _ => descriptions(value, texts),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| descriptions(value, texts)),
        _ => {}
    }
}

/// Everything that people outside of the code read.
fn public_texts() -> Vec<(String, String)> {
    let documents = documents().into_iter();
    let mut texts: Vec<_> = documents
        .map(|(name, text)| (name, without_targets(&prose(&text))))
        .collect();
    texts.extend(texts_of_the_program(&Tree::read()));
    for (name, text) in [
        ("config.example.toml", include_str!("../../../config.example.toml")),
        (
            "packaging/tallymark.toml",
            include_str!("../../../packaging/tallymark.toml"),
        ),
        ("packaging/node.toml", include_str!("../../../packaging/node.toml")),
        (
            "packaging/tallymark.service",
            include_str!("../../../packaging/tallymark.service"),
        ),
        (
            "packaging/compose.yaml",
            include_str!("../../../packaging/compose.yaml"),
        ),
        (
            "packaging/Containerfile",
            include_str!("../../../packaging/Containerfile"),
        ),
        ("test", include_str!("../../../test")),
    ] {
        texts.push((name.to_owned(), prose(text)));
    }
    let document = serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap();
    descriptions(&document, &mut texts);
    help(&[], &mut texts);
    texts
}

#[test]
fn public_texts_use_plain_words() {
    let texts = public_texts();
    for (kind, least) in [
        (".md", 20),
        (".rs", 200),
        (".toml", 3),
        ("--help", 30),
        ("openapi.json", 500),
    ] {
        let found = texts.iter().filter(|(name, _)| name.ends_with(kind)).count();
        assert!(found >= least, "the control: {found} texts of {kind}");
    }
    let mut counts = vec![0; HINTS.len()];
    for (_, text) in &texts {
        counts
            .iter_mut()
            .zip(hints(text))
            .for_each(|(sum, count)| *sum += count);
    }
    println!(
        "hints in public texts: {:?}",
        HINTS.iter().zip(&counts).collect::<Vec<_>>()
    );
    assert!(counts.iter().sum::<usize>() > 0, "the control: hints are found");
    assert_eq!(hints("It gives all the same. He says, and gives")[..4], [1, 0, 0, 2]);
    let complaints: Vec<_> = texts
        .iter()
        .flat_map(|(name, text)| {
            let found = hits(text).into_iter();
            found.map(move |hit| format!("{name}:{}: {:?}: {}", hit.line, hit.row, hit.context))
        })
        .collect();
    assert!(
        complaints.is_empty(),
        "\n{}\nCONTRIBUTING.md, \"Language\", has the rules\n",
        complaints.join("\n")
    );
}

/// The doc comments of items and files that have a question in their first line.
fn questions(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = std::iter::once("").chain(text.lines()).zip(text.lines()).enumerate();
    lines.filter_map(|(at, (before, line))| {
        let is_doc = |line: &str| line.trim_start().starts_with("///") || line.starts_with("//!");
        let begins = is_doc(line) && !is_doc(before);
        let asks = |part: &str| part.trim_end().ends_with('?') || part.contains("? ");
        (begins && line.split('`').step_by(2).any(asks)).then_some((at + 1, line.trim()))
    })
}

#[test]
fn comments_use_plainer_words_than_before() {
    let tree = Tree::read();
    let mut found: BTreeMap<Row, Vec<String>> = BTreeMap::new();
    for (path, text) in comments(&tree) {
        for hit in hits(&text) {
            found
                .entry(hit.row)
                .or_default()
                .push(format!("{path}:{}: {}", hit.line, hit.context));
        }
    }
    for (path, text) in tree.files.iter().filter(|(path, _)| is_rust_of(&["src/"], path)) {
        let places = questions(text).map(|(line, text)| format!("{path}:{line}: {text}"));
        found.entry(Row::Question).or_default().extend(places);
    }
    let complaints: Vec<_> = found
        .iter()
        .filter_map(|(row, places)| too_many(*row, places))
        .collect();
    assert!(
        complaints.is_empty(),
        "\n{}\nCONTRIBUTING.md, \"Language\", has the rules\n",
        complaints.join("\n")
    );
    let places = |count: usize| vec!["a place".to_owned(); count];
    for row in [Row::Archaic, Row::Somebody] {
        let most = most_in_comments(row);
        assert!(too_many(row, &places(most)).is_none());
        assert!(too_many(row, &places(most + 1)).is_some(), "the control");
    }
}

fn most_in_comments(row: Row) -> usize {
    let known = IN_COMMENTS_MAX.iter().find(|(known, _)| *known == row);
    known.map_or(0, |(_, most)| *most)
}

/// What is wrong with the places of a row, if there are more than before.
fn too_many(row: Row, places: &[String]) -> Option<String> {
    let most = most_in_comments(row);
    let found = places.len();
    (found > most).then(|| format!("{}\n{row:?}: {found} in comments, at most {most}", places.join("\n")))
}

#[test]
fn word_list_finds_its_words_and_leaves_english_alone() {
    for (text, row) in [
        ("The folder is read anew.", Row::Again),
        ("show whence it is", Row::Archaic),
        ("paths are without\nnumber", Row::Archaic),
        ("everything save for one", Row::SaveFor),
        ("kept for so long", Row::SoMany),
        ("It waits so long, and no more", Row::SoMany),
        ("Whoever asks", Row::Unnamed),
        ("the owner and his domain", Row::Unnamed),
        ("Nobody knows", Row::Somebody),
        ("a database of before", Row::OfBefore),
        ("it is no report", Row::IsNo),
        ("names that are none", Row::IsNo),
        ("records lie packed", Row::Lie),
        ("the host lies below it", Row::Lie),
        ("32 bytes a record", Row::APer),
        ("kept once a domain", Row::APer),
        ("a message that cannot be had", Row::BeHad),
        ("refused for want of room", Row::BeHad),
        ("tried again and again", Row::BeHad),
    ] {
        let found: Vec<_> = hits(text).into_iter().map(|hit| hit.row).collect();
        assert_eq!(found, [row], "{text}");
    }
    for text in [
        "to save that file, or to save in a folder",
        "so much as one, so long as it runs, so many more",
        "there is no report; it is no longer there; it is no more",
        "p is none; the policy is none",
        "reporters lie, and headers that lie",
        "20 a second, twice a day",
        "the records a domain must publish",
        "it had been read again. And again it was",
        "renewed nobodys heed this",
    ] {
        assert_eq!(hits(text), [], "{text}");
    }
    assert_eq!(prose("a `nobody` b\n```\nnobody\n```\nc"), "a  x  b\n\n\n\nc\n");
    assert_eq!(without_targets("[a](is-no.md) b"), "[a]  b");
    let asked = "//! Is it so? Or not.\n\n/// Is it so?\nfn a() {}\n/// Whether it is `?` so.\n/// Why?\nfn b() {}";
    let asked: Vec<_> = questions(asked).collect();
    assert_eq!(asked, [(1, "//! Is it so? Or not."), (3, "/// Is it so?")]);
}
