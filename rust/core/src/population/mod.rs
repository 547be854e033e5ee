//! The population: rows of a declarative dataset, computed by arithmetic on (rng_seed, table, row, column), and ways out of here:
//! one row, Parquet, Postgres.

mod block;
mod calendar;
mod compile;
mod counts;
mod database;
mod dsn;
mod function;
mod links;
mod model;
mod order;
mod parquet;
mod pgcopy;
mod pick;
mod print;
pub(crate) mod random;
mod reload;
mod sizes;
mod sources;
mod spec;
mod template;
#[cfg(test)]
mod tests;
mod value;

pub use block::{Block, Cells};
pub use calendar::civil;
pub use compile::SpecFaults;
pub use database::{Database, DatabaseError, Records, Refusal, Rows};
pub use dsn::{hosts, place};
pub use function::{Call, FunctionFault, Functions};
pub use model::{Column, NULL, Population, Table};
pub use parquet::{WriteError, write as write_parquet};
pub use pgcopy::{HEADER, TRAILER, encode};
pub use pick::Filter;
pub use print::push_plain;
pub use reload::ReadError;
pub use sizes::Sizes;
pub use spec::{Spec, Type, Value};
pub use value::At;
