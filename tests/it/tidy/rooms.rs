//! Who may import whom, and which crate is used where.

use super::source::{code, code_outside_tests, line_of, words};
use super::{check, complains, is_program, passes};

/// What each room and closet may import of this crate. `cli`, `app` and the roots may import everything.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("report", &[]),
    ("unpack", &[]),
    ("tally", &["report"]),
    ("store", &["report", "tally", "apart"]),
    ("ingest", &["report", "unpack", "tally", "store", "dns", "metrics"]),
    ("listeners", &["ingest", "store", "files", "metrics"]),
    (
        "feeds",
        &["ingest", "store", "jobs", "outbound", "files", "health", "metrics"],
    ),
    ("outbound", &["dns"]),
    ("notify", &["store", "jobs", "domains", "outbound", "metrics"]),
    ("jobs", &["store", "metrics"]),
    ("domains", &["report", "store", "dns", "files", "keys", "metrics"]),
    ("enrich", &["report", "tally", "store", "dns", "files", "metrics"]),
    ("insight", &["report", "tally", "store", "enrich", "domains"]),
    ("api", &[]),
    (
        "http",
        &[
            "api", "report", "tally", "store", "ingest", "domains", "enrich", "insight", "notify", "outbound", "apart",
            "csv", "health", "keys", "metrics",
        ],
    ),
    ("page", &["api", "http", "store", "apart", "keys"]),
    ("apart", &[]),
    (
        "config",
        &[
            "store",
            "ingest",
            "listeners",
            "feeds",
            "domains",
            "enrich",
            "outbound",
            "notify",
            "dns",
            "http",
        ],
    ),
    ("csv", &["report"]),
    ("dns", &[]),
    ("files", &[]),
    ("health", &[]),
    ("heap", &[]),
    ("keys", &[]),
    ("metrics", &[]),
];
/// What every room may import.
const GROUND: &[&str] = &["base"];
const EVERYTHING: &[&str] = &["cli", "app", "lib", "main"];

/// Where a third-party crate may be used: paths below `src/`. What is not listed may be used everywhere but in the
/// pure rooms' list below.
const DOORS: &[(&str, &[&str])] = &[
    ("anyhow", &["cli/", "app.rs", "app/"]),
    (
        "aws_lc_rs",
        &[
            "domains/dkim.rs",
            "domains/keyring.rs",
            "feeds/s3/signature.rs",
            "keys.rs",
            "listeners/smtp/tls.rs",
            "outbound/tls.rs",
            "notify/signature.rs",
        ],
    ),
    ("axum", &["http/", "page/"]),
    (
        "base64",
        &[
            "domains/dkim.rs",
            "feeds/gmail.rs",
            "feeds/imap/",
            "feeds/s3/bucket.rs",
            "http/credentials.rs",
            "http/hook/",
            "http/proof.rs",
            "notify/links.rs",
            "notify/signature.rs",
            "outbound/mail/compose.rs",
        ],
    ),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    (
        "flate2",
        &[
            "http/compress.rs",
            "unpack/gzip.rs",
            "unpack/zip.rs",
            "store/stored_bytes.rs",
            "enrich/networks/encoding.rs",
        ],
    ),
    (
        "getrandom",
        &[
            "app.rs",
            "app/",
            "http/",
            "page/form_token.rs",
            "page/sessions.rs",
            "page/sign_in_link.rs",
        ],
    ),
    (
        "hex",
        &[
            "domains/keyring.rs",
            "feeds/s3/signature.rs",
            "notify/signature.rs",
            "page/form_token.rs",
            "page/keys.rs",
            "page/sessions.rs",
            "page/sign_in_link.rs",
        ],
    ),
    ("hickory_resolver", &["dns.rs"]),
    ("hyper", &["http/", "outbound/client.rs"]),
    ("hyper_util", &["http/", "outbound/client.rs"]),
    ("idna", &["base/names.rs"]),
    ("indicatif", &["cli/"]),
    ("ipnet", &["base/network.rs"]),
    ("jiff", &["base/clock.rs", "base/day.rs"]),
    ("lettre", &["outbound/mail/smtp.rs"]),
    (
        "mail_auth",
        &["domains/signing.rs", "ingest/provenance.rs", "ingest/provenance/"],
    ),
    ("mail_parser", &["unpack/mail.rs"]),
    ("maud", &["notify/", "page/"]),
    ("prometheus_client", &["metrics.rs", "metrics/"]),
    ("psl", &["base/suffixes.rs"]),
    (
        "quick_xml",
        &["feeds/s3/xml.rs", "report/aggregate/xml.rs", "report/aggregate/xml/"],
    ),
    ("rayon", &["ingest/", "cli/"]),
    ("rcgen", &["listeners/smtp/tls.rs"]),
    ("rusqlite", &["store/"]),
    (
        "rustix",
        &[
            "base/clock.rs",
            "heap.rs",
            "listeners/smtp/",
            "feeds/places.rs",
            "store/room.rs",
            "app/",
        ],
    ),
    ("rustls", &["listeners/smtp/tls.rs", "outbound/tls.rs"]),
    ("rustls_native_certs", &["outbound/tls.rs"]),
    ("schemars", &["api/", "http/"]),
    ("socket2", &["http/"]),
    ("sqlx", &["store/"]),
    ("strsim", &["config.rs", "config/"]),
    ("subtle", &["keys.rs"]),
    ("tokio_rustls", &["listeners/smtp/session.rs", "outbound/tls.rs"]),
    ("toml", &["config.rs", "config/"]),
    ("tower", &["http/", "page/api.rs"]),
    ("tracing_subscriber", &["cli/"]),
    ("zip", &["unpack/zip.rs"]),
];

/// What the pure rooms do without.
const IMPURE: &[&str] = &[
    "async",
    "tokio",
    "rayon",
    "tracing",
    "std::env",
    "std::fs",
    "std::process",
    "std::thread",
    "std::time",
    "getrandom",
    "Instant",
    "SystemTime",
];

fn is_rust(path: &str) -> bool {
    path.starts_with("src/") && path.ends_with(".rs")
}

/// `src/report/aggregate/xml.rs` is of the room `report`, `src/csv.rs` of the closet `csv`.
fn room_of(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap_or(path);
    below.split(['/', '.']).next().unwrap_or(below)
}

/// The first names after `crate::`, also of `use crate::{a::b, c}`.
fn imports(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for at in words(code, "crate") {
        let Some(rest) = code[at + "crate".len()..].strip_prefix("::") else {
            continue;
        };
        let Some(group) = rest.strip_prefix('{') else {
            found.push((at, first_name(rest)));
            continue;
        };
        let mut depth = 0;
        let mut is_start = true;
        for (inside, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_start = true,
                c if is_start && !c.is_whitespace() => {
                    found.push((at, first_name(&group[inside..])));
                    is_start = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn first_name(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

fn imports_only_what_it_may(path: &str, text: &str) -> Vec<String> {
    let room = room_of(path);
    if EVERYTHING.contains(&room) {
        return Vec::new();
    }
    let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{room} is no room of ARCHITECTURE.md")];
    };
    let code = code(text);
    imports(&code)
        .into_iter()
        .filter(|(_, name)| *name != room && !may.contains(name) && !GROUND.contains(name))
        // An item at the root, such as a macro, belongs to no room.
        .filter(|(_, name)| name.starts_with(char::is_lowercase))
        .map(|(at, name)| format!("line {}: {room} may not import {name}", line_of(&code, at)))
        .collect()
}

fn crates_come_through_their_doors(path: &str, text: &str) -> Vec<String> {
    let below = path.strip_prefix("src/").unwrap_or(path);
    let code = code(text);
    let mut complaints = Vec::new();
    for (name, doors) in DOORS {
        if doors.iter().any(|door| below.starts_with(door)) {
            continue;
        }
        // A module of ours may have a crate's name: it is imported by `use super::zip` or written with its path.
        let is_module = words(&code, name).any(|at| {
            let line = code[..at].lines().next_back().unwrap_or_default();
            line.contains("use super::") || line.contains("mod ")
        });
        for at in words(&code, name) {
            let is_path = code[at + name.len()..].starts_with("::") && !code[..at].ends_with("::");
            if is_path && !is_module {
                complaints.push(format!(
                    "line {}: {name} belongs behind {}",
                    line_of(&code, at),
                    doors.join(", ")
                ));
            }
        }
    }
    complaints
}

/// Number of tasks per file that neither read nor write anything large.
const SMALL_TASKS: &[(&str, usize)] = &[
    // A note in the database; an answer that is kept; names that are claimed.
    ("src/http/key_uses.rs", 1),
    ("src/http/idempotency.rs", 1),
    ("src/http/domains.rs", 1),
    // Calls the API, which works apart.
    ("src/page/api.rs", 1),
];

/// A task that reads or writes much blocks a worker of the runtime.
fn tasks_work_apart(path: &str, text: &str) -> Vec<String> {
    let code = code_outside_tests(text);
    let spawned = words(&code, "spawn").filter_map(|at| code[at..].strip_prefix("spawn("));
    let large = spawned
        .filter(|rest| {
            !["Apart::new(", "InTurn::new("]
                .iter()
                .any(|apart| rest.trim_start().starts_with(apart))
        })
        .count();
    let small = SMALL_TASKS
        .iter()
        .find(|(of, _)| *of == path)
        .map_or(0, |(_, count)| *count);
    let complaint = format!("{large} tasks that are not apart, where {small} are known to be small");
    (large != small).then_some(complaint).into_iter().collect()
}

fn pure_rooms_are_pure(_: &str, text: &str) -> Vec<String> {
    let code = code_outside_tests(text);
    let found = IMPURE
        .iter()
        .flat_map(|word| words(&code, word).map(move |at| (at, word)));
    found
        .map(|(at, word)| format!("line {}: {word} in a pure room", line_of(&code, at)))
        .collect()
}

#[test]
fn a_room_imports_only_what_the_table_says() {
    check(is_rust, imports_only_what_it_may);
    let rule = imports_only_what_it_may;
    complains(
        rule,
        "src/report/aggregate/a.rs",
        "use crate::store::Store;",
        "report may not import store",
    );
    complains(
        rule,
        "src/store/a.rs",
        "fn a() { crate::http::b() }",
        "store may not import http",
    );
    complains(
        rule,
        "src/ingest/a.rs",
        "use crate::{\n  report::{A, B},\n  http::C,\n};",
        "ingest may not import http",
    );
    complains(rule, "src/helpers.rs", "", "helpers is no room");
    passes(
        rule,
        "src/http/a.rs",
        "use crate::{store::Store, ingest};\n// crate::cli\n",
    );
    passes(rule, "src/cli/a.rs", "use crate::store::Store;");
}

#[test]
fn answering_code_works_apart() {
    let answers = |path: &str| {
        let is_of_room = path.starts_with("src/http/") || path.starts_with("src/page/");
        is_rust(path) && (is_of_room && path != "src/http/serve.rs" || path == "src/store/export.rs")
    };
    check(answers, tasks_work_apart);
    let rule = tasks_work_apart;
    complains(rule, "src/http/a.rs", "tokio::spawn(async move { a() });", "1 tasks");
    complains(rule, SMALL_TASKS[0].0, "", "0 tasks");
    complains(
        rule,
        "src/page/a.rs",
        "tokio::task::spawn(a); tokio::spawn(b);",
        "2 tasks",
    );
    passes(
        rule,
        "src/http/a.rs",
        "tokio::spawn(Apart::new(async {}));\n// spawn(x)\n",
    );
    passes(rule, "src/store/export.rs", "tokio::spawn(\n    InTurn::new(a));");
}

#[test]
fn a_crate_is_used_behind_its_door() {
    check(is_rust, crates_come_through_their_doors);
    let rule = crates_come_through_their_doors;
    complains(rule, "src/http/a.rs", "use sqlx::query;", "sqlx belongs behind store/");
    complains(
        rule,
        "src/unpack/walk.rs",
        "let x = zip::ZipArchive::new(y);",
        "zip belongs behind",
    );
    complains(
        rule,
        "src/store/a.rs",
        "fn a() -> anyhow::Result<()> {}",
        "anyhow belongs behind",
    );
    passes(
        rule,
        "src/unpack/walk.rs",
        "use super::{gzip, zip};\nfn a() { zip::files() }",
    );
    passes(rule, "src/unpack/text.rs", "use super::zip::Entry;");
}

#[test]
fn report_and_unpack_are_pure() {
    check(
        |path| {
            let is_pure = ["base", "report", "unpack", "tally"].contains(&room_of(path));
            is_program(path) && is_pure && path != "src/base/clock.rs"
        },
        pure_rooms_are_pure,
    );
    complains(
        pure_rooms_are_pure,
        "src/report/aggregate/a.rs",
        "async fn a() {}",
        "async",
    );
    complains(pure_rooms_are_pure, "src/unpack/a.rs", "std::fs::read(path)", "std::fs");
    passes(
        pure_rooms_are_pure,
        "src/unpack/a.rs",
        "// no async here\nlet asynchronous = \"tokio\";",
    );
}

#[test]
fn the_page_on_architecture_names_every_room_and_closet() {
    let page = include_str!("../../../ARCHITECTURE.md");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let room = name.trim_end_matches(".rs");
        let named = [format!("`{room}/`"), format!("`{room}`")]
            .iter()
            .any(|text| page.contains(text));
        assert!(
            named || ["lib", "main"].contains(&room),
            "ARCHITECTURE.md says nothing about {name}"
        );
    }
}
