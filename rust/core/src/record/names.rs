//! Names of series and checks, each once; everything else refers to them by index.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use parking_lot::Mutex;

/// How many series a run may have; later names share one series called `(other)` per scenario, so that memory stays bounded.
const MOST_SERIES: usize = 5_000;
/// How many names of a scenario that has too many are given as examples.
const EXAMPLES: usize = 3;
const OTHER: &str = "(other)";

/// Tags of a series, in ascending order of their keys.
pub type Tags = [(String, String)];

/// What a series, a check or a metric of a script is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesName {
    /// Index of the scenario.
    pub scenario: u32,
    /// Group, or empty.
    pub group: Box<str>,
    /// For example `GET /api/dashboard`.
    pub name: Box<str>,
    /// Tags that its group and the request itself gave; those of the scenario are not among them.
    pub tags: Box<Tags>,
}

/// A name that is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    pub(super) scenario: u32,
    pub(super) group: &'a str,
    pub(super) name: &'a str,
    pub(super) tags: &'a Tags,
}

impl SeriesName {
    fn key(&self) -> Key<'_> {
        Key { scenario: self.scenario, group: &self.group, name: &self.name, tags: &self.tags }
    }
}

/// The scenario with the most names, at the moment from which on no new name is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overflow {
    /// Index of the scenario.
    pub scenario: u32,
    /// How many names it had by then.
    pub names: usize,
    /// Its last names.
    pub examples: Vec<Box<str>>,
}

/// The names of a run, and the counts of its checks.
#[derive(Debug, Default)]
pub struct Names {
    series: Mutex<Interned>,
    checks: Mutex<Checks>,
}

#[derive(Debug, Default)]
struct Checks {
    names: Interned,
    counts: Vec<(u64, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct Interned {
    pub(super) names: Vec<SeriesName>,
    overflow: Option<Overflow>,
    is_full: bool,
    index: HashTable<u32>,
    hasher: FixedState,
    scratch: String,
}

impl Interned {
    /// The index of a name, made when it is new. When there are too many, `other` of the same scenario stands in for it.
    pub(super) fn intern(&mut self, key: Key<'_>, other: &str) -> u32 {
        let hash = self.hasher.hash_one(key);
        let names = &self.names;
        if let Some(&known) = self.index.find(hash, |&i| names.get(i as usize).is_some_and(|known| known.key() == key)) {
            return known;
        }
        let folded = Key { group: "", name: other, tags: &[], ..key };
        if names.len() >= MOST_SERIES && key != folded {
            if !std::mem::replace(&mut self.is_full, true) {
                self.overflow = overflow(&self.names);
            }
            return self.intern(folded, other);
        }
        let number = u32::try_from(names.len()).unwrap_or(u32::MAX);
        self.names.push(SeriesName { scenario: key.scenario, group: key.group.into(), name: key.name.into(), tags: key.tags.into() });
        let (names, hasher) = (&self.names, &self.hasher);
        self.index.insert_unique(hash, number, |&i| names.get(i as usize).map_or(0, |known| hasher.hash_one(known.key())));
        number
    }
}

/// Who has the most names.
fn overflow(names: &[SeriesName]) -> Option<Overflow> {
    let mut counts = std::collections::BTreeMap::<u32, usize>::new();
    names.iter().for_each(|name| *counts.entry(name.scenario).or_default() += 1);
    let (&scenario, &most) = counts.iter().max_by_key(|(_, count)| **count)?;
    let own = names.iter().rev().filter(|name| name.scenario == scenario);
    Some(Overflow { scenario, names: most, examples: own.take(EXAMPLES).map(|name| name.name.clone()).collect() })
}

impl Names {
    /// What made the number of series, or of checks, reach its bound; each is told once.
    pub fn take_overflows(&self) -> [(&'static str, Option<Overflow>); 2] {
        [("series", self.series.lock().overflow.take()), ("checks", self.checks.lock().names.overflow.take())]
    }

    /// The index of a series, made when it is new.
    pub fn series(&self, scenario: u32, group: &str, name: &str, tags: &Tags) -> u32 {
        self.series.lock().intern(Key { scenario, group, name, tags }, OTHER)
    }

    /// The index of the series of requests with `method` to `path`.
    pub fn request_series(&self, scenario: u32, group: &str, method: &str, path: &str, tags: &Tags) -> u32 {
        let series = &mut *self.series.lock();
        let mut name = std::mem::take(&mut series.scratch);
        name.clear();
        [method, " ", path].into_iter().for_each(|part| name.push_str(part));
        let index = series.intern(Key { scenario, group, name: &name, tags }, OTHER);
        series.scratch = name;
        index
    }

    /// The index of the series of what follows requests of another one, for example its redirects.
    pub fn following(&self, series: u32, what: &str) -> u32 {
        let all = &mut *self.series.lock();
        let Some(first) = all.names.get(series as usize).cloned() else {
            return series;
        };
        if first.name.ends_with(what) {
            return series;
        }
        let name = format!("{} {what}", first.name);
        all.intern(Key { name: &name, ..first.key() }, OTHER)
    }

    /// The index of a check, made when it is new.
    pub fn check(&self, scenario: u32, group: &str, name: &str, tags: &Tags) -> u32 {
        self.checks.lock().names.intern(Key { scenario, group, name, tags }, OTHER)
    }

    /// Counts one result of the check with this index.
    pub fn count_check(&self, check: u32, passed: bool) {
        let counts = &mut self.checks.lock().counts;
        let check = check as usize;
        if counts.len() <= check {
            counts.resize(check + 1, (0, 0));
        }
        if let Some((passes, fails)) = counts.get_mut(check) {
            *if passed { passes } else { fails } += 1;
        }
    }

    /// The counts of all checks since the last call, as (index, passes, fails) of those that were evaluated.
    pub fn take_checks(&self) -> Vec<(u32, u64, u64)> {
        let counts = std::mem::take(&mut self.checks.lock().counts);
        let numbered = counts.into_iter().zip(0_u32..).map(|((passes, fails), index)| (index, passes, fails));
        numbered.filter(|(_, passes, fails)| passes + fails > 0).collect()
    }

    /// The names of all series so far, by index.
    #[must_use]
    pub fn all_series(&self) -> Vec<SeriesName> {
        self.series.lock().names.clone()
    }

    /// The names of all checks so far, by index.
    #[must_use]
    pub fn all_checks(&self) -> Vec<SeriesName> {
        self.checks.lock().names.names.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_share_an_index_and_unequal_ones_do_not() {
        let names = Names::default();
        let dashboard = names.series(0, "", "GET /a", &[]);
        assert_eq!(names.series(0, "", "GET /a", &[]), dashboard);
        assert_ne!(names.series(1, "", "GET /a", &[]), dashboard);
        assert_ne!(names.series(0, "booking", "GET /a", &[]), dashboard);
    }

    #[test]
    fn an_endless_stream_of_names_ends_in_one_series_per_scenario() {
        let names = Names::default();
        (0..MOST_SERIES + 500).for_each(|i| {
            names.series(0, "", &format!("GET /pets/{i}"), &[]);
        });
        assert_eq!(names.all_series().len(), MOST_SERIES + 1);
    }

    #[test]
    fn the_scenario_with_the_most_names_is_told_once_with_examples() {
        let names = Names::default();
        names.series(1, "", "GET /few", &[]);
        (0..MOST_SERIES + 500).for_each(|i| {
            names.series(0, "", &format!("GET /pets/{i}"), &[]);
        });
        let [(what, told), (_, checks)] = names.take_overflows();
        let told = told.unwrap();
        assert_eq!((what, told.scenario, told.names), ("series", 0, MOST_SERIES - 1));
        assert_eq!(&*told.examples[0], format!("GET /pets/{}", MOST_SERIES - 2));
        assert_eq!(checks, None);
        assert_eq!(names.take_overflows()[0].1, None);
    }

    #[test]
    fn taken_check_counts_start_again_at_zero() {
        let names = Names::default();
        let check = names.check(0, "", "own clinic", &[]);
        names.count_check(check, true);
        names.count_check(check, false);
        assert_eq!(names.take_checks(), [(0, 1, 1)]);
        assert_eq!(names.take_checks(), []);
    }
}
