//! The declarative spec as it arrives: plain data, read from JSON, checked by `compile`.

use serde::Deserialize;
use std::collections::BTreeMap;

/// A whole dataset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of the dataset.
    pub name: String,
    /// "Today" of the data, in days since 1970-01-01.
    pub anchor: i64,
    /// The lowest key of every table.
    #[serde(default = "one")]
    pub first_key: i64,
    /// The table with one row per tenant.
    pub tenant_table: String,
    /// The table that holds the people who use the app, where there is one.
    pub users_table: Option<String>,
    /// Lists of words by name.
    pub pools: BTreeMap<String, Vec<String>>,
    /// The tables, parents first.
    pub tables: Vec<TableSpec>,
}

fn one() -> i64 {
    1
}

/// One table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// Name of the table.
    pub name: String,
    /// Rows per tenant.
    pub per_tenant: RowsSpec,
    /// The columns, in the order in which they are written.
    pub columns: Vec<ColumnSpec>,
}

/// How many rows a tenant has: always as many, or a number drawn for each.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum RowsSpec {
    /// As many for each tenant.
    Fixed(u64),
    /// So many for each row of another table.
    Per {
        /// The other table, which stands before this one.
        parent: String,
        /// How many for each of its rows; what is drawn has the parent's row as its own.
        rows: Box<RowsSpec>,
    },
    /// A source of whole numbers; its row and position are the number of the tenant.
    Drawn(SourceSpec),
}

/// One column.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// Name of the column.
    pub name: String,
    /// Its type in Postgres.
    #[serde(rename = "type")]
    pub ty: Type,
    /// A helper: other columns use it, but it is not written.
    #[serde(default)]
    pub hidden: bool,
    /// Share of nulls, 0 to 1.
    #[serde(default)]
    pub nulls: f64,
    /// Where the values come from.
    pub source: SourceSpec,
}

/// Column types; all but text are integers inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// int8
    Bigint,
    /// int4
    Int,
    /// int2
    Smallint,
    /// float8; inside, millionths.
    Double,
    /// Decimal with this precision and scale; inside, units of the last digit.
    Numeric {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// Inside, 0 or 1.
    Bool,
    /// Inside, days since 1970-01-01.
    Date,
    /// Inside, microseconds since 1970-01-01 UTC.
    Timestamptz,
    /// Inside, microseconds since 1970-01-01, of a clock without time zone.
    Timestamp,
    /// Inside, the number that it is made of.
    Uuid,
    /// Unicode text.
    Text,
    /// JSON as text.
    Json,
    /// JSON as the server parses it.
    Jsonb,
    /// Bytes.
    Bytea,
    /// An array of one dimension.
    Array(Element),
    /// A range, from its lower bound up to but without its upper one.
    Range(Element),
}

/// What an array holds, or a range leads through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Element {
    /// text
    Text,
    /// int4
    Int,
    /// int8
    Bigint,
    /// uuid
    Uuid,
    /// date
    Date,
    /// timestamptz
    Timestamptz,
    /// timestamp
    Timestamp,
}

impl Element {
    /// The same as the type of a column.
    #[must_use]
    pub fn ty(self) -> Type {
        match self {
            Self::Text => Type::Text,
            Self::Int => Type::Int,
            Self::Bigint => Type::Bigint,
            Self::Uuid => Type::Uuid,
            Self::Date => Type::Date,
            Self::Timestamptz => Type::Timestamptz,
            Self::Timestamp => Type::Timestamp,
        }
    }
}

impl Type {
    /// Whether values are text: of words, codes inside.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Json | Self::Jsonb)
    }

    /// The highest whole number that it holds.
    pub(crate) fn highest(self) -> i64 {
        match self {
            Self::Int => i64::from(i32::MAX),
            Self::Smallint => i64::from(i16::MAX),
            _ => i64::MAX,
        }
    }

    /// The type of an array's elements, or of a range's bounds; none for other types.
    #[must_use]
    pub fn element(self) -> Option<Self> {
        match self {
            Self::Array(element) | Self::Range(element) => Some(element.ty()),
            _ => None,
        }
    }

    /// Whether one integer cannot stand for a value.
    #[must_use]
    pub fn is_long(self) -> bool {
        matches!(self, Self::Bytea | Self::Array(_) | Self::Range(_))
    }

    /// Microseconds of one unit of a point in time; none for other types.
    pub(crate) fn micros(self) -> Option<i64> {
        match self {
            Self::Date => Some(86_400_000_000),
            Self::Timestamptz | Self::Timestamp => Some(1),
            _ => None,
        }
    }
}

/// A literal value: integers stand for every type but text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Any type but text.
    Int(i64),
    /// Text.
    Text(String),
}

/// One end of a span of time: the anchor, or another column of the row, plus an offset in microseconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundSpec {
    /// The column (date or timestamptz); none means the anchor.
    pub column: Option<String>,
    /// Microseconds after it.
    pub offset: i64,
}

/// Hours of a day, in microseconds since midnight UTC.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursSpec {
    /// First possible time.
    pub open: i64,
    /// End; no time is at or after it.
    pub close: i64,
}

impl SourceSpec {
    /// Whether all that it gives are numbers of its own, and not values of a given type.
    pub(crate) fn gives_numbers(&self) -> bool {
        matches!(
            self,
            Self::Key
                | Self::TenantKey
                | Self::Parent
                | Self::Position { .. }
                | Self::Ordinal { .. }
                | Self::Integer { .. }
                | Self::Spread { .. }
                | Self::Flag { .. }
                | Self::Reference { .. }
                | Self::Distinct { .. }
        )
    }
}

/// Where the values of a column come from.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceSpec {
    /// The same value in every row.
    Constant {
        /// The value.
        value: Value,
    },
    /// The row's own key: 1 + its number.
    Key,
    /// The key of the row's tenant: 1 + its number.
    TenantKey,
    /// The key of the row's parent, in a table with rows per row of another one.
    Parent,
    /// A column of the row's tenant.
    OfTenant {
        /// The column in the table of the tenants.
        column: String,
    },
    /// Arithmetic on the position inside the tenant: start + step * position.
    Position {
        /// Value at position 0.
        start: i64,
        /// Growth per position.
        step: i64,
    },
    /// Arithmetic on the position among the rows of the same parent: start + step * position.
    Ordinal {
        /// Value at position 0.
        start: i64,
        /// Growth per position.
        step: i64,
    },
    /// One of the values, by weight.
    Choice {
        /// The values.
        values: Vec<Value>,
        /// As many weights; they need not add up to 1.
        weights: Vec<f64>,
    },
    /// The position inside the tenant decides: so many rows of the first value, then of the next.
    Runs {
        /// Count and value of each run; the last value goes on.
        runs: Vec<(u64, Value)>,
    },
    /// The position inside the tenant decides: one value after the other, from the start again at the end.
    Each {
        /// The values.
        values: Vec<Value>,
        /// A column of whole numbers that decides instead.
        by: Option<String>,
    },
    /// A uniform integer; decimals, in units of the last digit.
    Integer {
        /// Smallest value.
        low: i64,
        /// Largest value.
        high: i64,
    },
    /// A whole number by its quantiles, evenly spread between two of them; decimals and dates, in their units.
    Spread {
        /// Quantiles at equal distances of probability, from the lowest value to the highest.
        knots: Vec<i64>,
    },
    /// A number that no other row of the table has, from which a UUID is made.
    Uuid,
    /// So many bytes, each by chance.
    Bytes {
        /// The fewest.
        low: u64,
        /// The most.
        high: u64,
    },
    /// An array of so many values, each drawn by itself.
    Several {
        /// Where they come from: a source that needs no other column.
        of: Box<SourceSpec>,
        /// The fewest.
        low: u64,
        /// The most.
        high: u64,
    },
    /// A range between two columns of the row; where one is null, without a bound.
    Range {
        /// The column of the lower bound.
        low: String,
        /// That of the upper one.
        high: String,
    },
    /// A word of a pool.
    Words {
        /// Name of the pool.
        pool: String,
    },
    /// True with this share.
    Flag {
        /// Probability of true.
        share: f64,
    },
    /// The key of a row of the same tenant in another table.
    Reference {
        /// The other table.
        table: String,
        /// First position that may be referred to.
        #[serde(default)]
        from: u64,
        /// Number of positions; none means up to the last.
        count: Option<u64>,
        /// Weights of the positions; none means uniform.
        weights: Option<Vec<f64>>,
        /// A column of whole numbers that decides instead of chance: position = from + value modulo count.
        by: Option<String>,
        /// Whether no two rows of the same parent, or without one of the same tenant, lead to the same row.
        #[serde(default)]
        distinct: bool,
    },
    /// A column of the row that a reference of this row points to.
    Lookup {
        /// The referring column.
        reference: String,
        /// The column over there.
        column: String,
    },
    /// A whole number in 0..size that no other row of the tenant has.
    Distinct {
        /// Size of the range; at least the rows per tenant.
        size: u64,
    },
    /// The time of a numbered slot in a calendar: `lanes` slots at each time, times within hours, days from the anchor.
    SlotTime {
        /// The column with the slot's number.
        slot: String,
        /// First day, relative to the anchor.
        first_day: i64,
        /// Hours of a day.
        hours: HoursSpec,
        /// Microseconds between two times.
        every: i64,
        /// Slots at the same time.
        lanes: u64,
    },
    /// A uniform date or time between two bounds, both included.
    Moment {
        /// Earliest.
        low: BoundSpec,
        /// Latest.
        high: BoundSpec,
        /// Whole multiples of so many microseconds.
        step: i64,
        /// Only these hours of the day.
        hours: Option<HoursSpec>,
    },
    /// Another column of the row, a choice, decides which source applies.
    By {
        /// The deciding column.
        column: String,
        /// A source for each of its values.
        cases: Vec<(Value, SourceSpec)>,
    },
    /// What a function of the caller computes from other columns of the row.
    Function {
        /// The columns that it is given.
        columns: Vec<String>,
        /// How many uniform random numbers of its own it is given for each row.
        random: u32,
        /// Tells one function from another; nothing is computed from it.
        version: String,
    },
    /// Text with placeholders: `{tenant:05d}`, `{position}`, `{row}`, `{column}`, `{column:slug}`.
    Template {
        /// The text.
        text: String,
    },
}
