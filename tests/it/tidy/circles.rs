//! Files of one folder do not import each other in a circle. The `mod.rs` of a room is the front door or the ground, never
//! both; below a room, it may be the ground of its own pieces.

use std::collections::{BTreeMap, BTreeSet};

use super::is_program;
use super::source::{Tree, code_outside_tests, words};

/// A file by its place in the crate, and its code: `src/store/sql.rs` is `store::sql`, `src/store/mod.rs` is `store`.
struct Module {
    path: Vec<String>,
    code: String,
    /// The places that it names by `crate::`, `super::` or `self::`, from the top of the crate.
    named: Vec<Vec<String>>,
}

impl Module {
    fn new(path: &str, text: &str) -> Option<Self> {
        let names = path.strip_prefix("src/")?.strip_suffix(".rs")?;
        let names = names.strip_suffix("/mod").unwrap_or(names);
        let mut module = Self {
            path: names.split('/').map(str::to_owned).collect(),
            code: code_outside_tests(text),
            named: Vec::new(),
        };
        module.named = module.all_named();
        Some(module)
    }

    fn all_named(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        for first in ["crate", "super", "self"] {
            for at in words(&self.code, first) {
                let is_first = !self.code[..at].ends_with("::");
                if let Some(rest) = self.code[at + first.len()..].strip_prefix("::").filter(|_| is_first) {
                    expand(rest, &mut vec![first.to_owned()], &mut found);
                }
            }
        }
        found.iter().filter_map(|path| self.resolve(path)).collect()
    }

    fn resolve(&self, path: &[String]) -> Option<Vec<String>> {
        let mut place = self.path.clone();
        let mut rest = path;
        while let [first, behind @ ..] = rest {
            match first.as_str() {
                "crate" => place.clear(),
                "super" => _ = place.pop()?,
                "self" => {}
                _ => break,
            }
            rest = behind;
        }
        place.extend(rest.iter().cloned());
        Some(place)
    }

    /// What its `pub use` statements lift out of its children, by name.
    fn lifted(&self) -> BTreeMap<String, String> {
        let mut lifted = BTreeMap::new();
        for (path, is_public) in self.used() {
            if let ([child, .., name], true) = (&path[..], is_public) {
                lifted.insert(name.clone(), child.clone());
            }
        }
        lifted
    }

    /// The paths of its `use` statements as they are written, and whether they are handed on.
    fn used(&self) -> Vec<(Vec<String>, bool)> {
        let mut used = Vec::new();
        for at in words(&self.code, "use") {
            let line = self.code[..at].lines().next_back().unwrap_or_default().trim_start();
            let Some(rest) = self.code[at..]
                .strip_prefix("use ")
                .filter(|_| line.is_empty() || line.starts_with("pub"))
            else {
                continue;
            };
            let mut paths = Vec::new();
            expand(rest.strip_prefix("self::").unwrap_or(rest), &mut Vec::new(), &mut paths);
            used.extend(paths.into_iter().map(|path| (path, line.starts_with("pub"))));
        }
        used
    }
}

/// Every path of a tree of names, as in `a::{b, c::{d, e}}`; gives what is behind it.
fn expand<'t>(text: &'t str, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut inside) = text.strip_prefix('{') {
        loop {
            inside = inside.trim_start().trim_start_matches(',').trim_start();
            if inside.is_empty() {
                return inside;
            }
            if let Some(behind) = inside.strip_prefix('}') {
                return behind;
            }
            let depth = path.len();
            let rest = expand(inside, path, found);
            path.truncate(depth);
            if rest.len() == inside.len() {
                return rest;
            }
            inside = rest;
        }
    }
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    if end == 0 {
        return text;
    }
    path.push(text[..end].to_owned());
    let rest = &text[end..];
    if let Some(deeper) = rest.strip_prefix("::") {
        return expand(deeper, path, found);
    }
    found.push(path.clone());
    let renamed = rest.trim_start().strip_prefix("as ");
    renamed.map_or(rest, |behind| {
        let end = behind.find([',', '}', ';']).unwrap_or(behind.len());
        &behind[end..]
    })
}

/// The circles of each folder: the folder, and the files and folders in it that need one another. `mod` is its `mod.rs`.
fn circles(modules: &[Module]) -> Vec<(String, String)> {
    let folders: BTreeSet<&[String]> = modules
        .iter()
        .filter_map(|module| Some(module.path.split_last()?.1))
        .collect();
    folders
        .into_iter()
        .filter(|folder| !folder.is_empty())
        .flat_map(|folder| {
            let circles = strongly_connected(&edges(modules, folder));
            circles.into_iter().map(|names| (folder.join("/"), names.join(" ")))
        })
        .collect()
}

/// Which file or folder directly in `folder` names which other.
fn edges(modules: &[Module], folder: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let children: BTreeSet<&String> = modules
        .iter()
        .filter(|module| module.path.starts_with(folder))
        .filter_map(|module| module.path.get(folder.len()))
        .collect();
    let top = modules.iter().find(|module| module.path == folder);
    let lifted = top.map(Module::lifted).unwrap_or_default();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for module in modules.iter().filter(|module| module.path.starts_with(folder)) {
        let from = module.path.get(folder.len()).map_or("mod", String::as_str);
        let mut to: BTreeSet<String> = BTreeSet::new();
        for place in module.named.iter().filter(|place| place.starts_with(folder)) {
            let Some(name) = place.get(folder.len()) else { continue };
            to.insert(match lifted.get(name) {
                _ if children.contains(name) => name.clone(),
                Some(child) => child.clone(),
                None => "mod".to_owned(),
            });
        }
        if from == "mod" {
            let private = module.used().into_iter().filter(|(_, is_public)| !is_public);
            to.extend(private.filter_map(|(path, _)| path.into_iter().next()));
            to.extend(
                children
                    .iter()
                    .filter(|name| calls(&module.code, name))
                    .map(|name| (*name).clone()),
            );
        }
        let is_piece = folder.len() > 1 && folder != ["report", "aggregate"];
        to.retain(|name| name != from && (name == "mod" && !is_piece || children.contains(name)));
        edges.entry(from.to_owned()).or_default().extend(to);
    }
    edges
}

/// Whether code says `name::something`, but for `use` statements.
fn calls(code: &str, name: &str) -> bool {
    words(code, name).any(|at| {
        let before = &code[..at];
        let statement = before.rsplit([';', '{', '}']).next().unwrap_or_default();
        code[at + name.len()..].starts_with("::") && !before.ends_with("::") && !statement.contains("use ")
    })
}

fn strongly_connected(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reached = |from: &String| {
        let (mut reached, mut todo) = (BTreeSet::new(), vec![from]);
        while let Some(next) = todo.pop() {
            for to in edges.get(next).into_iter().flatten() {
                if reached.insert(to.clone()) {
                    todo.push(to);
                }
            }
        }
        reached
    };
    let reaches: BTreeMap<&String, BTreeSet<String>> = edges.keys().map(|name| (name, reached(name))).collect();
    let mut circles: Vec<Vec<String>> = Vec::new();
    for (name, reach) in &reaches {
        if reach.contains(*name) && !circles.iter().flatten().any(|known| known == *name) {
            let back = |other: &&String| reaches.get(*other).is_some_and(|reach| reach.contains(*name));
            circles.push(reach.iter().filter(back).cloned().collect());
        }
    }
    circles
}

fn check(modules: &[(&str, &str)], expect: &[(&str, &str)]) {
    let modules: Vec<_> = modules
        .iter()
        .filter_map(|(path, text)| Module::new(path, text))
        .collect();
    let found = circles(&modules);
    let found: Vec<_> = found
        .iter()
        .map(|(folder, names)| (folder.as_str(), names.as_str()))
        .collect();
    assert_eq!(found, expect);
}

#[test]
fn files_of_a_folder_form_no_circle() {
    let tree = Tree::read();
    let files = tree.files.iter().filter(|(path, _)| is_program(path));
    let modules: Vec<_> = files.map(|(path, text)| (path.as_str(), text.as_str())).collect();
    check(&modules, &[]);
}

#[test]
fn circles_are_found() {
    let front = ("src/a/mod.rs", "mod b;\nmod c;\npub use b::B;\npub use c::C;\n");
    check(
        &[front, ("src/a/b.rs", "use super::C;"), ("src/a/c.rs", "struct C;")],
        &[],
    );
    check(
        &[
            front,
            ("src/a/b.rs", "use super::{C, x};"),
            ("src/a/c.rs", "use super::b::{self, B};"),
        ],
        &[("a", "b c")],
    );
    // A path within code counts as an import does, and so do files of a folder below.
    check(
        &[
            front,
            ("src/a/b/d.rs", "fn f() { super::super::c::g() }"),
            ("src/a/c.rs", "use crate::a::B;"),
        ],
        &[("a", "b c")],
    );
    // The front door that is also the ground.
    check(
        &[
            ("src/a/mod.rs", "mod b;\nstruct Ground;\nfn f() { b::g() }"),
            ("src/a/b.rs", "use super::Ground;"),
        ],
        &[("a", "b mod")],
    );
    check(
        &[
            ("src/a/mod.rs", "mod b;\nstruct Ground;"),
            ("src/a/b.rs", "use super::Ground;"),
        ],
        &[],
    );
    // Tests may look at everything.
    check(
        &[
            front,
            ("src/a/b.rs", "use super::C;"),
            ("src/a/c.rs", "#[cfg(test)]\nmod tests { use super::super::B; }"),
        ],
        &[],
    );
}
