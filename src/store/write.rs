//! Who writes: one connection on SQLite, a few on PostgreSQL. A transaction that is dropped is rolled back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgPool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::StoreError;
use super::db::{Conn, Layout, Link, postgres, sqlite};
use super::mark::{self, Mark};
use super::memory::Memory;

/// How a connection that was idle may take to begin a transaction before it is given up for dead, and one with a failed
/// transaction to roll it back.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// Where connections come from.
#[derive(Debug)]
pub(super) enum Source {
    Sqlite(sqlite::File),
    Postgres(Box<postgres::Server>, PgPool, Layout),
}

impl Source {
    async fn connect(&self) -> Result<Link, StoreError> {
        Ok(match self {
            Self::Sqlite(file) => Link::Sqlite(Box::new(file.writer()?)),
            Self::Postgres(server, apart, layout) => server.link(server.writer().await?, apart.clone(), *layout),
        })
    }
}

/// The writers of this node.
#[derive(Debug)]
pub(super) struct Writers {
    source: Source,
    count: u32,
    /// The number of free writers.
    permits: Arc<Semaphore>,
    /// Those that wait for work; the last to wait is the first to work, so that what it remembers is fresh.
    idle: Mutex<Vec<Writer>>,
    /// Present for an SQLite file.
    mark: Option<Mark>,
}

#[derive(Debug, Default)]
struct Writer {
    /// `None` until it is needed, and after a fault.
    link: Option<Link>,
    memory: Memory,
}

/// A write transaction. Dropped without [`Write::commit`], nothing of it stays.
pub(super) struct Write {
    writers: Arc<Writers>,
    link: Option<Link>,
    memory: Memory,
    permit: Option<OwnedSemaphorePermit>,
    /// Rows that the connection had changed when the transaction began.
    changes: u64,
}

impl Writers {
    /// `first` is the connection that has looked at the schema.
    pub fn new(source: Source, first: Link, mark: Option<Mark>) -> Self {
        let count = match source {
            Source::Sqlite(_) => 1,
            Source::Postgres(ref server, ..) => server.writers_max(),
        };
        let first = Writer {
            link: Some(first),
            memory: Memory::default(),
        };
        Self {
            source,
            count,
            permits: Arc::new(Semaphore::new(count as usize)),
            idle: Mutex::new(vec![first]),
            mark,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// A connection that reads everything; `None` where any reader will do.
    pub fn walker(&self) -> Result<Option<Link>, StoreError> {
        match &self.source {
            Source::Sqlite(file) => Ok(Some(Link::Sqlite(Box::new(file.reader()?)))),
            Source::Postgres(..) => Ok(None),
        }
    }

    /// Begins a transaction; waits for a writer.
    pub async fn begin(self: &Arc<Self>) -> Result<Write, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Unavailable(sqlx::Error::PoolClosed.into()))?;
        let idle = self.idle().pop().unwrap_or_default();
        let Writer { link, memory } = self.begin_on(idle).await?;
        let changes = link.as_ref().map_or(0, Link::changes);
        Ok(Write {
            changes,
            writers: Arc::clone(self),
            link,
            memory,
            permit: Some(permit),
        })
    }

    /// The writer with a transaction begun; one that reconnects remembers nothing.
    async fn begin_on(&self, Writer { link, memory }: Writer) -> Result<Writer, StoreError> {
        if let Some(mut link) = link {
            match (tokio::time::timeout(ANSWER_MAX, link.begin()).await, &self.source) {
                (Ok(Ok(())), _) => {
                    let link = Some(link);
                    return Ok(Writer { link, memory });
                }
                (Ok(Err(error)), Source::Sqlite(_)) => return Err(error),
                // The server was restarted since: nothing was asked of it yet, so that a new connection will do.
                (Ok(Err(_)) | Err(_), _) => drop(link),
            }
        }
        let mut link = self.source.connect().await?;
        link.begin().await?;
        // Another server may answer now, after a failover: rows and numbers that the writer remembers may not be there.
        Ok(Writer {
            link: Some(link),
            memory: Memory::default(),
        })
    }

    /// Folds SQLite's log into the file, once the writer has nothing to do.
    pub async fn fold_log(&self) -> Result<(), StoreError> {
        let permit = self.permits.acquire().await;
        let _permit = permit.map_err(|_| StoreError::Unavailable(sqlx::Error::PoolClosed.into()))?;
        let mut writer = self.idle().pop();
        let link = writer.as_mut().and_then(|writer| writer.link.as_mut());
        let folded = link.map_or(Ok(()), |link| Conn(link).fold_log());
        self.idle().extend(writer);
        folded
    }

    /// Waits for what is being written; no transaction begins after that.
    pub async fn stop(&self) {
        // An error says that another has closed it already.
        if let Ok(_all) = self.permits.acquire_many(self.count).await {
            self.permits.close();
        }
    }

    /// Closes the connections, after [`Self::stop`].
    pub async fn close(&self) {
        let writers = std::mem::take(&mut *self.idle());
        for mut link in writers.into_iter().filter_map(|writer| writer.link) {
            // SQLite does it by itself only where this is the last connection, and an export may still have one.
            if self.mark.is_some()
                && let Err(error) = Conn(&mut link).fold_log()
            {
                tracing::debug!(%error, "the log could not be merged into the database before it was closed");
            }
            if let Err(error) = link.close().await {
                tracing::warn!(%error, "database did not close cleanly; it recovers when it is opened again");
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Writer>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write {
    /// The connection and what the writer remembers.
    pub fn parts(&mut self) -> (Conn<'_>, &mut Memory) {
        let link = self
            .link
            .as_mut()
            .expect("only commit takes it, and that consumes this");
        (Conn(link), &mut self.memory)
    }

    /// Makes it durable. After an error nothing of it is in the database, or all (a lost answer); never a part.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        // Not taken out before it is done: if this is dropped meanwhile, the connection is rolled back as any other.
        let link = self
            .link
            .as_mut()
            .expect("only commit takes it, and that consumes this");
        let mark = self.writers.mark.as_ref().filter(|_| link.changes() > self.changes);
        let commits = match mark {
            Some(_) => mark::count(&mut Conn(link)).await?,
            None => None,
        };
        link.commit().await?;
        if let (Some(mark), Some(commits)) = (mark, commits) {
            mark.note(commits);
        }
        let writer = Writer {
            link: self.link.take(),
            memory: std::mem::take(&mut self.memory),
        };
        self.writers.idle().push(writer);
        Ok(())
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        // Without a runtime the connection is closed, which rolls back too.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (writers, permit) = (Arc::clone(&self.writers), self.permit.take());
        runtime.spawn(async move {
            // What the writer remembers may be of the transaction that was not committed: it starts empty.
            let rolled_back = tokio::time::timeout(ANSWER_MAX, link.roll_back()).await;
            writers.idle().push(Writer {
                link: matches!(rolled_back, Ok(Ok(()))).then_some(link),
                memory: Memory::default(),
            });
            drop(permit);
        });
    }
}
