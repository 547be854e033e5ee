//! A connection to Postgres for one caller at a time: statements as text, and binary COPY from a population.

use super::block::Block;
use super::dsn::Dsn;
use super::function::FunctionFault;
use super::model::{Population, Table};
use super::pgcopy::{HEADER, TRAILER, encode};
use super::reload::{ReadError, Reader};
use bytes::Bytes;
use futures_util::SinkExt;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{CancelToken, Client, SimpleColumn, SimpleQueryMessage, SimpleQueryRow};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Size from which a piece of a COPY stream is handed to the socket.
const CHUNK_BYTES: usize = 256 * 1024;
/// How often a caller is asked whether to go on.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Rows of a query, as text.
pub type Rows = Vec<Vec<Option<String>>>;
/// The same, by the names of the columns.
pub type Records = Vec<BTreeMap<String, Option<String>>>;

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The DSN cannot be read.
    #[error("{0}")]
    Dsn(String),
    /// There is no connection, or no longer.
    #[error("{0}")]
    Connection(String),
    /// The server refused a statement.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
    /// A file of rows cannot be read.
    #[error(transparent)]
    File(#[from] ReadError),
    /// A function of the dataset gave no values.
    #[error(transparent)]
    Function(#[from] FunctionFault),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// A server's error message in its parts; parts that were not sent are empty.
#[derive(Debug, Default)]
pub struct Refusal {
    /// SQLSTATE.
    pub code: String,
    /// The message.
    pub message: String,
    /// More on it.
    pub detail: String,
    /// What to do, according to the server.
    pub hint: String,
    /// The table concerned.
    pub table: String,
    /// The constraint concerned.
    pub constraint: String,
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(server) = error.as_db_error() else {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let known = error.to_string();
            return Self::Connection(if known.ends_with(&cause) { known } else { format!("{known}{cause}") });
        };
        let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self::Refused(Box::new(Refusal {
            code: server.code().code().to_owned(),
            message: server.message().to_owned(),
            detail: owned(server.detail()),
            hint: owned(server.hint()),
            table: owned(server.table()),
            constraint: owned(server.constraint()),
        }))
    }
}

/// An open connection. Its thread is the caller's: nothing happens between two calls.
pub struct Database {
    runtime: Runtime,
    client: Client,
    cancel: CancelToken,
    tls: MakeRustlsConnect,
}

impl Database {
    /// Connects; `password` applies where the DSN has none.
    pub fn connect(dsn: &str, password: Option<&str>) -> Result<Self, DatabaseError> {
        let mut dsn = Dsn::parse(dsn)?;
        let tls = dsn.connector().map_err(|error| DatabaseError::Dsn(error.to_string()))?;
        let config = &mut dsn.config;
        if let (None, Some(password)) = (config.get_password(), password) {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("tenantry");
        }
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| DatabaseError::Connection(error.to_string()))?;
        let (client, connection) = runtime.block_on(config.connect(tls.clone()))?;
        runtime.spawn(async move {
            // Its end is noticed by the next statement, which then fails.
            let _ = connection.await;
        });
        let cancel = client.cancel_token();
        Ok(Self { runtime, client, cancel, tls })
    }

    /// Runs statements; `go_on` is asked ten times a second, and a no cancels the statement at the server.
    pub fn execute(&mut self, sql: &str, go_on: &mut dyn FnMut() -> bool) -> Result<(), DatabaseError> {
        self.wait(go_on, self.client.batch_execute(sql))
    }

    /// Runs statements and returns the rows of all of them, as text.
    pub fn query(&mut self, sql: &str, go_on: &mut dyn FnMut() -> bool) -> Result<Rows, DatabaseError> {
        let messages = self.wait(go_on, self.client.simple_query(sql))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect()),
            _ => None,
        });
        Ok(rows.collect())
    }

    /// The same, each value with the name of its column: for rows whose columns differ from version to version.
    pub fn records(&mut self, sql: &str, go_on: &mut dyn FnMut() -> bool) -> Result<Records, DatabaseError> {
        let messages = self.wait(go_on, self.client.simple_query(sql))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let named = |(index, name): (usize, &str), row: &SimpleQueryRow| (name.to_owned(), row.get(index).map(str::to_owned));
        Ok(rows.map(|row| row.columns().iter().map(SimpleColumn::name).enumerate().map(|column| named(column, row)).collect()).collect())
    }

    /// Streams rows of a table into `statement`, a `COPY ... FROM STDIN` in binary format; returns the number of rows.
    /// `progress` is told the rows sent so far and answers whether to go on; a no makes the server forget them all.
    pub fn copy(
        &mut self,
        population: &Population,
        table: &Table,
        rows: Range<u64>,
        statement: &str,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64, DatabaseError> {
        let mut block = Block::default();
        let mut next = rows.start;
        self.stream(statement, progress, |chunk| {
            let end = rows.end.min(next + table.block_rows());
            block.fill(population, table, next..end)?;
            encode(population, table, &block, chunk);
            Ok(end - std::mem::replace(&mut next, end))
        })
    }

    /// Streams the rows of a table's Parquet files into `statement`, as `copy` does.
    pub fn copy_files(
        &mut self,
        table: &Table,
        files: &[PathBuf],
        statement: &str,
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64, DatabaseError> {
        let mut reader = Reader::new(table, files);
        self.stream(statement, progress, |chunk| Ok(reader.append(chunk)?))
    }

    /// `append` adds some rows to a chunk and tells how many; none is the end.
    fn stream(
        &self,
        statement: &str,
        progress: &mut dyn FnMut(u64) -> bool,
        mut append: impl FnMut(&mut Vec<u8>) -> Result<u64, DatabaseError>,
    ) -> Result<u64, DatabaseError> {
        let sent = Cell::new(0);
        let count = self.wait(&mut || progress(sent.get()), async {
            let mut sink = pin!(self.client.copy_in::<str, Bytes>(statement).await?);
            let mut chunk = Vec::with_capacity(2 * CHUNK_BYTES);
            chunk.extend_from_slice(HEADER);
            loop {
                let more = append(&mut chunk)?;
                sent.set(sent.get() + more);
                if more == 0 {
                    break;
                }
                if chunk.len() >= CHUNK_BYTES {
                    let full = std::mem::replace(&mut chunk, Vec::with_capacity(2 * CHUNK_BYTES));
                    sink.send(Bytes::from(full)).await?;
                }
            }
            chunk.extend_from_slice(TRAILER);
            sink.send(Bytes::from(chunk)).await?;
            Ok::<u64, DatabaseError>(sink.finish().await?)
        })?;
        progress(count);
        Ok(count)
    }

    /// The result of `work`; a no of `go_on` cancels it here and at the server.
    fn wait<T, E>(&self, go_on: &mut dyn FnMut() -> bool, work: impl Future<Output = Result<T, E>>) -> Result<T, DatabaseError>
    where
        DatabaseError: From<E>,
    {
        self.runtime.block_on(async {
            let mut work = pin!(work);
            loop {
                tokio::select! {
                    result = &mut work => return result.map_err(DatabaseError::from),
                    () = tokio::time::sleep(ASK_EVERY) => {}
                }
                if !go_on() {
                    let _ = self.cancel.cancel_query(self.tls.clone()).await;
                    return Err(DatabaseError::Interrupted);
                }
            }
        })
    }
}
