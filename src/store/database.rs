//! The database as all files of this room have it: who reads, who writes, and the room on the disk.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::confirmed::ConfirmedNames;
use super::db::{Args, Conn, Layout, Link, postgres, sqlite};
use super::room::Room;
use super::sql::sql;
use super::write::{Write, Writers};
use super::{Admitted, Behind, StoreError};

/// The database, open. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(super) writers: Arc<Writers>,
    pub(super) readers: Readers,
    /// As this process remembers them.
    pub(super) names: Arc<Mutex<Arc<ConfirmedNames>>>,
    /// Present for an SQLite file.
    pub(super) room: Option<Arc<Room>>,
    /// The file, and the commits that it lacks. Present if the database is open only for reading.
    pub(super) behind: Option<(Arc<Path>, Behind)>,
}

#[derive(Debug, Clone)]
pub(super) enum Readers {
    Sqlite(sqlite::Readers),
    Postgres(postgres::Pools, Layout),
}

impl Store {
    /// Best number of concurrent batch transactions. Half of the writers are left to other work.
    pub fn writers_at_once(&self) -> usize {
        match &self.readers {
            Readers::Sqlite(_) => 1,
            Readers::Postgres(..) => (self.writers.count() / 2).max(1),
        }
    }

    /// Whether the database runs in this process, on the calling thread.
    pub fn is_embedded(&self) -> bool {
        matches!(self.readers, Readers::Sqlite(_))
    }

    /// Checks that the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut conn = self.read_urgent().await?;
        Conn(&mut conn)
            .first(sql!("counter_read"), Args::default().text("report"))
            .await?;
        Ok(())
    }

    /// Waits for running writes, then closes.
    pub async fn close(&self) {
        // Readers close before writers, because only a writing connection that closes last can checkpoint SQLite's
        // log. Running writes may still need a reader.
        self.writers.stop().await;
        self.room.iter().for_each(|room| room.close());
        match &self.readers {
            Readers::Sqlite(readers) => readers.close().await,
            Readers::Postgres(readers, _) => readers.close().await,
        }
        self.writers.close().await;
    }

    pub(super) fn layout(&self) -> Layout {
        match self.readers {
            Readers::Sqlite(_) => Layout::Together,
            Readers::Postgres(_, layout) => layout,
        }
    }

    pub(super) async fn read(&self) -> Result<Link, StoreError> {
        // SQLite never waits: a loop of statements would otherwise keep its thread from all other tasks.
        tokio::task::coop::consume_budget().await;
        Ok(match &self.readers {
            Readers::Sqlite(readers) => Link::SqliteReader(readers.lend().await?),
            Readers::Postgres(readers, layout) => Link::PostgresReader(readers.all.acquire().await?.into(), *layout),
        })
    }

    /// As [`Self::read`], for a look-up that mail, readiness or a session waits for: some connections are
    /// for these alone, so that no long question keeps them waiting.
    pub(super) async fn read_urgent(&self) -> Result<Link, StoreError> {
        tokio::task::coop::consume_budget().await;
        Ok(match &self.readers {
            Readers::Sqlite(readers) => Link::SqliteReader(readers.lend_urgent().await?),
            Readers::Postgres(readers, layout) => Link::PostgresReader(readers.lend_urgent().await?, *layout),
        })
    }

    /// Begins a write transaction; waits for a writer.
    pub(super) async fn write(&self) -> Result<Write, StoreError> {
        tokio::task::coop::consume_budget().await;
        if let Some((path, behind)) = &self.behind {
            let (path, behind) = (path.display().to_string(), *behind);
            return Err(StoreError::Behind { path, behind });
        }
        self.room.as_ref().map_or(Ok(()), |room| room.has_log())?;
        self.writers.begin().await
    }

    /// Reserves room on the disk for a message of `bytes`, until the returned value is dropped. If the disk is nearly
    /// full, SQLite's log is checkpointed first. A database server manages its own disk.
    ///
    /// # Errors
    /// [`StoreError::Full`] if there is too little room all the same; [`StoreError::Unavailable`] if SQLite's log was removed.
    pub async fn admit(&self, bytes: u64) -> Result<Admitted, StoreError> {
        let Some(room) = &self.room else {
            return Ok(Admitted::freely());
        };
        let admitted = match room.admit(bytes) {
            Ok(admitted) => admitted,
            Err(_) => {
                if let Err(error) = self.make_room().await {
                    tracing::warn!(%error, "the log could not be merged into the database to make room on the disk");
                }
                room.admit(bytes)?
            }
        };
        if room.is_known_gone() {
            self.save_log().await;
            return Err(room.gone());
        }
        Ok(admitted)
    }

    /// Whether SQLite's log was removed while it is in use. Nothing new is accepted then.
    pub async fn is_log_gone(&self) -> bool {
        let is_gone = self.room.as_ref().is_some_and(|room| room.is_log_gone());
        if is_gone {
            self.save_log().await;
        }
        is_gone
    }

    /// Saves the contents of a removed log to the file. This process still has the log open.
    async fn save_log(&self) {
        if let Err(error) = self.make_room().await {
            tracing::error!(%error, "the contents of the removed log could not be merged into the database yet: do \
                not end this process");
        }
    }

    /// Checkpoints SQLite's log, unless that was just done.
    pub async fn make_room(&self) -> Result<(), StoreError> {
        if let Some(room) = self.room.as_ref().filter(|room| room.is_to_fold()) {
            self.fold_log().await?;
            room.forget_look();
        }
        Ok(())
    }

    /// Whether nothing new is accepted because too little of the disk is free.
    pub fn is_disk_short(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.is_short())
    }

    /// Checkpoints SQLite's log as far as readers permit, and truncates it.
    pub async fn fold_log(&self) -> Result<(), StoreError> {
        self.writers.fold_log().await
    }

    /// Reserves some of the disk, so that old data can be deleted even when other programs have filled it.
    pub fn keep_ballast(&self) {
        self.room.iter().for_each(|room| room.keep_ballast());
    }

    /// Removes what [`Self::keep_ballast`] has reserved, if the disk is full.
    pub fn drop_ballast(&self) {
        self.room.iter().for_each(|room| room.drop_ballast());
    }
}
