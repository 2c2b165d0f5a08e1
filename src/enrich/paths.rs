//! Paths: what naming and flows need of a record, each kept once.

use hashbrown::HashMap;

use super::{Identities, OwnSignature, SpfOutcome};
use crate::report::aggregate::Verdict;

/// Most paths of a domain. A record beyond them has the path without its names.
const PATHS_MAX: usize = 4_096;

/// The identities of a record, and what the reporter found aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path<N> {
    pub identities: Identities<N>,
    pub dkim_aligned: bool,
    pub spf_aligned: bool,
}

impl<N> Path<N> {
    /// The path of a record with this verdict.
    pub fn new(identities: Identities<N>, verdict: Verdict) -> Self {
        Self {
            identities,
            dkim_aligned: verdict.dkim_aligned,
            spf_aligned: verdict.spf_aligned,
        }
    }
}

/// A path of a [`Paths`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathNo(u32);

/// The paths of a domain's records.
#[derive(Debug)]
pub struct Paths {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    paths: Vec<Path<u32>>,
    known: HashMap<Path<u32>, PathNo>,
}

/// The number of the empty name, which stands for names beyond the limit.
const NO_NAME: u32 = 0;

impl Default for Paths {
    fn default() -> Self {
        Self {
            names: vec!["".into()],
            numbers: HashMap::from_iter([("".into(), NO_NAME)]),
            paths: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl Paths {
    /// The number of a path, which is added if it is new.
    pub fn number(&mut self, path: Path<&str>) -> PathNo {
        if self.paths.len() >= PATHS_MAX {
            let mut is_known = true;
            let numbers = &self.numbers;
            let identities = path.identities.map(|name| {
                let number = numbers.get(name);
                is_known &= number.is_some();
                number.copied().unwrap_or(NO_NAME)
            });
            let path = with_identities(&path, identities);
            if let Some(number) = self.known.get(&path).filter(|_| is_known) {
                return *number;
            }
            return self.add(with_identities(&path, without_names(&path.identities)));
        }
        let identities = path.identities.map(|name| {
            if let Some(number) = self.numbers.get(name) {
                return *number;
            }
            let number = u32::try_from(self.names.len()).unwrap_or(NO_NAME);
            self.names.push(name.into());
            self.numbers.insert(name.into(), number);
            number
        });
        self.add(with_identities(&path, identities))
    }

    /// The path with this number.
    pub fn path(&self, number: PathNo) -> Path<&str> {
        let path = &self.paths[number.0 as usize];
        let name = |number: u32| &*self.names[number as usize];
        with_identities(path, path.identities.map(name))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    fn add(&mut self, path: Path<u32>) -> PathNo {
        *self.known.entry(path).or_insert_with(|| {
            self.paths.push(path);
            PathNo(self.paths.len() as u32 - 1)
        })
    }
}

fn with_identities<N, M>(path: &Path<N>, identities: Identities<M>) -> Path<M> {
    Path {
        identities,
        dkim_aligned: path.dkim_aligned,
        spf_aligned: path.spf_aligned,
    }
}

/// As if nothing foreign had passed: a record is then rather unknown than wrongly named.
fn without_names(identities: &Identities<u32>) -> Identities<u32> {
    Identities {
        own: match identities.own {
            OwnSignature::Passed { .. } => OwnSignature::Passed {
                domain: NO_NAME,
                selector: NO_NAME,
            },
            other => other,
        },
        foreign: [None; 4],
        spf: match identities.spf {
            SpfOutcome::Foreign(_) => SpfOutcome::ForeignFailed,
            other => other,
        },
        reported: identities.reported,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{dkim, evidence, spf, verdict};
    use super::*;

    fn number(paths: &mut Paths, signer: &str, mail_from: &str) -> PathNo {
        let found = evidence(
            &[dkim("example.com", "pass"), dkim(signer, "pass")],
            &[spf(mail_from, "pass")],
        );
        paths.number(Path::new(
            Identities::from_evidence(&found, "example.com"),
            verdict(true, false),
        ))
    }

    #[test]
    fn a_path_comes_back_as_it_was_and_is_kept_once() {
        let mut paths = Paths::default();
        let first = number(&mut paths, "sendgrid.net", "em.sendgrid.net");
        let second = number(&mut paths, "sendgrid.net", "mcsv.net");
        assert_eq!(number(&mut paths, "sendgrid.net", "em.sendgrid.net"), first);
        assert_ne!(first, second);
        let found = evidence(
            &[dkim("example.com", "pass"), dkim("sendgrid.net", "pass")],
            &[spf("mcsv.net", "pass")],
        );
        let path = Path::new(Identities::from_evidence(&found, "example.com"), verdict(true, false));
        assert_eq!(paths.path(second), path);
        assert_eq!(paths.len(), 2);
    }

    #[test]
    fn paths_beyond_the_limit_lose_their_names_and_no_others_do() {
        let mut paths = Paths::default();
        let early = number(&mut paths, "sendgrid.net", "em.sendgrid.net");
        for nth in 0..PATHS_MAX * 2 {
            number(&mut paths, &format!("d{nth}.example"), "em.sendgrid.net");
        }
        assert_eq!(paths.len(), PATHS_MAX + 1);
        assert!(paths.names.len() < PATHS_MAX + 10);
        assert_eq!(number(&mut paths, "sendgrid.net", "em.sendgrid.net"), early);
        let late = number(&mut paths, "late.example", "em.sendgrid.net");
        let late = paths.path(late);
        assert!(!late.identities.has_foreign_pass() && late.dkim_aligned);
        // All names of it are known, but not together.
        let mixed = number(&mut paths, "em.sendgrid.net", "sendgrid.net");
        assert!(!paths.path(mixed).identities.has_foreign_pass());
    }
}
