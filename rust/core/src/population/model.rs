//! The compiled population: names are resolved to numbers, literals to codes, shares to thresholds.

use super::function::Functions;
use super::sizes::{Parents, Sizes};
use super::spec::{HoursSpec, Type};
use std::collections::HashMap;
use std::sync::Arc;

/// Stands for null among the integers; no generated value is this one.
pub const NULL: i64 = i64::MIN;
/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// A compiled dataset of a certain size: every row of it can be computed.
#[derive(Debug)]
pub struct Population {
    pub(crate) name: String,
    pub(crate) tenants: u64,
    pub(crate) rng_seed: u64,
    pub(crate) first_key: i64,
    pub(crate) tenant_table: usize,
    pub(crate) users_table: Option<usize>,
    pub(crate) tables: Vec<Table>,
    pub(crate) words: Words,
    pub(crate) functions: Option<Box<dyn Functions>>,
}

/// A table of it.
#[derive(Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Rows of each tenant.
    pub sizes: Sizes,
    /// Whose rows they are, when there are so many for each row of another table.
    pub(crate) parents: Option<Parents>,
    /// All columns, helpers too, in the order of the spec.
    pub columns: Vec<Column>,
    /// The columns that are written, in the order of the spec.
    pub visible: Vec<usize>,
    /// Column by name; helpers have none here.
    pub by_name: HashMap<String, usize>,
    /// An order in which each column comes after those it depends on.
    pub(crate) order: Vec<usize>,
}

/// A column of it.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    pub(crate) key: u64,
    pub(crate) nulls: Option<Nulls>,
    pub(crate) source: Source,
    /// Whether a function has a part in it, so that it is computed in a block.
    pub derived: bool,
}

/// Which rows are null.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nulls {
    pub(crate) key: u64,
    pub(crate) below: u64,
}

/// Where the values come from; the compiled form of `SourceSpec`.
#[derive(Debug)]
pub(crate) enum Source {
    Constant(i64),
    Key,
    TenantKey,
    OfTenant { table: usize, column: usize },
    Parent { own: usize },
    Position { start: i64, step: i64 },
    Ordinal { own: usize, start: i64, step: i64 },
    Choice { ends: Vec<u64>, values: Vec<i64> },
    Runs { ends: Vec<u64>, values: Vec<i64> },
    Each { values: Vec<i64>, by: Option<usize> },
    Integer { low: i64, count: u64 },
    Spread(Vec<i64>),
    Uuid,
    Bytes { low: u64, count: u64 },
    Several { of: Box<Source>, low: u64, count: u64 },
    Range { low: usize, high: usize },
    Words(Arc<[i64]>),
    Flag { below: u64 },
    Reference { parent: usize, from: u64, count: u64, pick: Pick },
    Lookup { reference: usize, table: usize, column: usize },
    Distinct { size: u64 },
    SlotTime(SlotTime),
    Moment(Moment),
    By { column: usize, cases: Vec<(i64, Source)> },
    Function { needs: Vec<usize>, random: u32 },
    Template(Vec<Part>),
}

/// How a reference chooses among the positions of its parent.
#[derive(Debug)]
pub(crate) enum Pick {
    Uniform,
    Weighted(Vec<u64>),
    By {
        column: usize,
    },
    /// Another one for each of the rows of a parent in table `own`, or of a tenant.
    Distinct {
        own: usize,
    },
}

/// A calendar of numbered slots.
#[derive(Debug)]
pub(crate) struct SlotTime {
    pub(crate) slot: usize,
    pub(crate) first: i64,
    pub(crate) open: i64,
    pub(crate) every: i64,
    pub(crate) per_day: i64,
    /// From the first time of a day that has some to that of the next one.
    pub(crate) stride: i64,
    pub(crate) lanes: i64,
    /// Microseconds per unit of the column: a day for dates.
    pub(crate) unit: i64,
}

/// A span of time.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) low: Bound,
    pub(crate) high: Bound,
    pub(crate) step: i64,
    pub(crate) hours: Option<HoursSpec>,
    /// Microseconds per unit of the column: a day for dates.
    pub(crate) unit: i64,
}

/// One end of it: `column * unit + offset`, or the offset alone.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) column: Option<(usize, i64)>,
    pub(crate) offset: i64,
}

/// A piece of a template.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    Literal(String),
    Number { of: Number, width: usize },
    Cell { column: usize, slug: bool },
    Json { column: usize },
}

/// A number that a template can show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Tenant,
    Position,
    Row,
    Column(usize),
}

/// Every word of the dataset once; text columns hold codes into it.
#[derive(Debug, Default)]
pub(crate) struct Words {
    texts: Vec<Arc<str>>,
    slugs: Vec<String>,
    codes: HashMap<Arc<str>, i64>,
}

impl Words {
    pub(crate) fn intern(&mut self, text: &str) -> i64 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        let code = self.texts.len() as i64;
        let shared: Arc<str> = text.into();
        self.texts.push(shared.clone());
        self.slugs.push(slug(text));
        self.codes.insert(shared, code);
        code
    }

    pub(crate) fn code(&self, text: &str) -> Option<i64> {
        self.codes.get(text).copied()
    }

    #[inline]
    pub(crate) fn text(&self, code: i64) -> &str {
        self.texts.get(code as usize).map_or("", |text| text)
    }

    #[inline]
    pub(crate) fn slug(&self, code: i64) -> &str {
        self.slugs.get(code as usize).map_or("", String::as_str)
    }
}

/// Lower-case ASCII letters and digits, as they stand in a mail address; accents of Latin letters fall away.
fn slug(text: &str) -> String {
    let fold = |letter: char| match letter {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ø' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ñ' => 'n',
        'ç' => 'c',
        'ý' | 'ÿ' => 'y',
        'ß' => 's',
        other => other,
    };
    text.chars().flat_map(char::to_lowercase).map(fold).filter(char::is_ascii_alphanumeric).collect()
}

impl Population {
    /// Name of the dataset.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of tenants.
    pub fn tenants(&self) -> u64 {
        self.tenants
    }

    /// The number that every value depends on.
    pub fn rng_seed(&self) -> u64 {
        self.rng_seed
    }

    /// All tables, parents first.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Number of a table, by name.
    pub fn table_index(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name == name)
    }

    /// The table with one row per tenant.
    pub fn tenant_table(&self) -> usize {
        self.tenant_table
    }

    /// The table that holds the users, where the spec names one.
    pub fn users_table(&self) -> Option<usize> {
        self.users_table
    }
}

impl Table {
    /// Number of rows for so many tenants.
    pub fn rows(&self, tenants: u64) -> u64 {
        self.sizes.start(tenants)
    }

    /// Names of the columns that are written.
    pub fn names(&self) -> Vec<&str> {
        self.visible.iter().filter_map(|index| self.columns.get(*index)).map(|column| column.name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_plain_ascii() {
        assert_eq!(slug("María José"), "mariajose");
        assert_eq!(slug("Núñez-Peña"), "nunezpena");
    }

    #[test]
    fn a_word_has_one_code() {
        let mut words = Words::default();
        let dog = words.intern("dog");
        assert_eq!(words.intern("cat"), dog + 1);
        assert_eq!(words.intern("dog"), dog);
        assert_eq!((words.text(dog), words.code("dog"), words.code("bird")), ("dog", Some(dog), None));
    }
}
