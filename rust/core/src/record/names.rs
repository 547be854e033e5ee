//! Names of series and checks, each once; everything else refers to them by index.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use parking_lot::Mutex;

/// How many series a run may have; later names share one series called `(other)`, so that memory stays bounded.
const MOST_SERIES: usize = 10_000;

/// What a series or a check is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesName {
    /// Index of the scenario.
    pub scenario: u32,
    /// Group, or empty.
    pub group: Box<str>,
    /// For example `GET /api/dashboard`.
    pub name: Box<str>,
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
struct Interned {
    names: Vec<SeriesName>,
    index: HashTable<u32>,
    hasher: FixedState,
    scratch: String,
}

impl Interned {
    fn intern(&mut self, scenario: u32, group: &str, name: &str) -> u32 {
        let hash = |scenario: u32, group: &str, name: &str| self.hasher.hash_one((scenario, group, name));
        let key = hash(scenario, group, name);
        let names = &self.names;
        let same = |&i: &u32| {
            names.get(i as usize).is_some_and(|known| known.scenario == scenario && &*known.name == name && &*known.group == group)
        };
        if let Some(&known) = self.index.find(key, same) {
            return known;
        }
        if names.len() >= MOST_SERIES && name != "(other)" {
            return self.intern(scenario, "", "(other)");
        }
        let number = u32::try_from(names.len()).unwrap_or(u32::MAX);
        self.names.push(SeriesName { scenario, group: group.into(), name: name.into() });
        let names = &self.names;
        let rehash = |&i: &u32| names.get(i as usize).map_or(0, |known| hash(known.scenario, &known.group, &known.name));
        self.index.insert_unique(key, number, rehash);
        number
    }
}

impl Names {
    /// The index of a series, made when it is new.
    pub fn series(&self, scenario: u32, group: &str, name: &str) -> u32 {
        self.series.lock().intern(scenario, group, name)
    }

    /// The index of the series of requests with `method` to `path`.
    pub fn request_series(&self, scenario: u32, group: &str, method: &str, path: &str) -> u32 {
        let series = &mut *self.series.lock();
        let mut name = std::mem::take(&mut series.scratch);
        name.clear();
        [method, " ", path].into_iter().for_each(|part| name.push_str(part));
        let index = series.intern(scenario, group, &name);
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
        all.intern(first.scenario, &first.group, &format!("{} {what}", first.name))
    }

    /// The index of a check, made when it is new.
    pub fn check(&self, scenario: u32, group: &str, name: &str) -> u32 {
        self.checks.lock().names.intern(scenario, group, name)
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
        let dashboard = names.series(0, "", "GET /a");
        assert_eq!(names.series(0, "", "GET /a"), dashboard);
        assert_ne!(names.series(1, "", "GET /a"), dashboard);
        assert_ne!(names.series(0, "booking", "GET /a"), dashboard);
    }

    #[test]
    fn an_endless_stream_of_names_ends_in_one_series_per_scenario() {
        let names = Names::default();
        (0..MOST_SERIES + 500).for_each(|i| {
            names.series(0, "", &format!("GET /pets/{i}"));
        });
        assert_eq!(names.all_series().len(), MOST_SERIES + 1);
    }

    #[test]
    fn taken_check_counts_start_again_at_zero() {
        let names = Names::default();
        let check = names.check(0, "", "own clinic");
        names.count_check(check, true);
        names.count_check(check, false);
        assert_eq!(names.take_checks(), [(0, 1, 1)]);
        assert_eq!(names.take_checks(), []);
    }
}
