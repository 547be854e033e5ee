//! A connection to Postgres for one caller at a time: statements as text, and binary COPY from a population.

use super::block::Block;
use super::function::FunctionFault;
use super::model::{Population, Table};
use super::pgcopy::{HEADER, TRAILER, encode};
use bytes::Bytes;
use futures_util::SinkExt;
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::Host;
use tokio_postgres::{CancelToken, Client, Config, NoTls, SimpleQueryMessage};

/// Size from which a piece of a COPY stream is handed to the socket.
const CHUNK_BYTES: usize = 256 * 1024;
/// How often a caller is asked whether to go on.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Rows of a query, as text.
pub type Rows = Vec<Vec<Option<String>>>;

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

/// The hosts that a DSN names, addresses included; a folder stands for a Unix socket.
pub fn hosts(dsn: &str) -> Result<Vec<String>, DatabaseError> {
    let config = parse(dsn)?;
    let names = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    Ok(names.chain(config.get_hostaddrs().iter().map(ToString::to_string)).collect())
}

/// Where a DSN leads, for messages: host, port and database, without the password.
pub fn place(dsn: &str) -> Result<String, DatabaseError> {
    let port = parse(dsn)?.get_ports().first().copied().unwrap_or(5432);
    let database = parse(dsn)?.get_dbname().map(|name| format!("/{name}")).unwrap_or_default();
    Ok(format!("{}:{port}{database}", hosts(dsn)?.join(",")))
}

fn parse(dsn: &str) -> Result<Config, DatabaseError> {
    let mut config = Config::from_str(dsn).map_err(|error| DatabaseError::Dsn(chain(&error)))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(Duration::from_secs(10));
    }
    Ok(config)
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// An open connection. Its thread is the caller's: nothing happens between two calls.
pub struct Database {
    runtime: Runtime,
    client: Client,
    cancel: CancelToken,
}

impl Database {
    /// Connects; `password` applies where the DSN has none.
    pub fn connect(dsn: &str, password: Option<&str>) -> Result<Self, DatabaseError> {
        let mut config = parse(dsn)?;
        if let (None, Some(password)) = (config.get_password(), password) {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("tenantry");
        }
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| DatabaseError::Connection(error.to_string()))?;
        let (client, connection) = runtime.block_on(config.connect(NoTls))?;
        runtime.spawn(async move {
            // Its end is noticed by the next statement, which then fails.
            let _ = connection.await;
        });
        let cancel = client.cancel_token();
        Ok(Self { runtime, client, cancel })
    }

    /// Runs statements; `go_on` is asked ten times a second, and a no cancels the statement at the server.
    pub fn execute(&mut self, sql: &str, go_on: &mut dyn FnMut() -> bool) -> Result<(), DatabaseError> {
        wait(&self.runtime, &self.cancel, go_on, self.client.batch_execute(sql))
    }

    /// Runs statements and returns the rows of all of them, as text.
    pub fn query(&mut self, sql: &str, go_on: &mut dyn FnMut() -> bool) -> Result<Rows, DatabaseError> {
        let messages = wait(&self.runtime, &self.cancel, go_on, self.client.simple_query(sql))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect()),
            _ => None,
        });
        Ok(rows.collect())
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
        let client = &self.client;
        self.runtime.block_on(async move {
            let mut sink = pin!(client.copy_in::<str, Bytes>(statement).await?);
            let mut block = Block::default();
            let mut chunk = Vec::with_capacity(2 * CHUNK_BYTES);
            chunk.extend_from_slice(HEADER);
            let mut next = rows.start;
            while next < rows.end {
                let end = rows.end.min(next + table.block_rows());
                block.fill(population, table, next..end)?;
                encode(population, table, &block, &mut chunk);
                next = end;
                if chunk.len() >= CHUNK_BYTES {
                    let full = std::mem::replace(&mut chunk, Vec::with_capacity(2 * CHUNK_BYTES));
                    sink.send(Bytes::from(full)).await?;
                    if !progress(next - rows.start) {
                        return Err(DatabaseError::Interrupted);
                    }
                }
            }
            chunk.extend_from_slice(TRAILER);
            sink.send(Bytes::from(chunk)).await?;
            let count = sink.finish().await?;
            progress(count);
            Ok(count)
        })
    }
}

fn wait<T>(
    runtime: &Runtime,
    cancel: &CancelToken,
    go_on: &mut dyn FnMut() -> bool,
    statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DatabaseError> {
    runtime.block_on(async {
        let mut statement = pin!(statement);
        loop {
            tokio::select! {
                result = &mut statement => return result.map_err(DatabaseError::from),
                () = tokio::time::sleep(ASK_EVERY) => {}
            }
            if !go_on() {
                let _ = cancel.cancel_query(NoTls).await;
                let _ = statement.await;
                return Err(DatabaseError::Interrupted);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_of_a_dsn_is_named() {
        let table = [
            ("postgresql://me@db.example/app", vec!["db.example"]),
            ("host=localhost hostaddr=10.0.0.9 dbname=app", vec!["localhost", "10.0.0.9"]),
            ("postgresql://a.example,b.example/app", vec!["a.example", "b.example"]),
            ("host=/var/run/postgresql", vec!["/var/run/postgresql"]),
            ("dbname=app", vec!["localhost"]),
        ];
        for (dsn, wanted) in table {
            assert_eq!(hosts(dsn).unwrap(), wanted, "{dsn}");
        }
    }

    #[test]
    fn the_place_of_a_dsn_hides_the_password() {
        assert_eq!(place("postgresql://me:secret@127.0.0.1:6543/app").unwrap(), "127.0.0.1:6543/app");
    }

    #[test]
    fn a_dsn_that_cannot_be_read_is_a_fault() {
        assert!(matches!(hosts("postgresql://host:port/app"), Err(DatabaseError::Dsn(_))));
    }
}
