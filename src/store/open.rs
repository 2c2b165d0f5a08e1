//! Opening a database.

use std::path::Path;
use std::sync::Arc;

use super::database::Readers;
use super::db::{Conn, Layout, Link, postgres, sqlite};
use super::mark::{self, IfBehind, Mark, look_behind};
use super::room::{self, Room};
use super::write::{Source, Writers};
use super::{Behind, Connections, Location, Store, StoreError, distribute};

impl Store {
    /// Opens a database, and creates its tables or brings them up to date. The folder of a file, or the database on a
    /// server, must exist. A path stands for an SQLite file.
    ///
    /// # Errors
    /// [`StoreError::Newer`] and [`StoreError::Outdated`] for a schema that this version does not know, [`StoreError::Location`] for a server that
    /// will not do, [`StoreError::Unavailable`] if it cannot be opened or reached or another process holds it.
    pub async fn open(location: impl Into<Location>) -> Result<Self, StoreError> {
        Self::open_with(location, Connections::default()).await
    }

    /// As [`Self::open`], with `connections` if it is on a server.
    pub async fn open_with(location: impl Into<Location>, connections: Connections) -> Result<Self, StoreError> {
        let location = location.into();
        let name = location.to_string();
        // Large, and in the future of every command.
        let store = Box::pin(Self::connect(location, connections, IfBehind::Refuse)).await?;
        store.refuse_half_a_copy(&name).await?;
        Ok(store)
    }

    /// As [`Self::open_with`], but only for reading, and also for a file that ends before its mark.
    ///
    /// # Errors
    /// As there.
    pub async fn open_to_look(location: impl Into<Location>, connections: Connections) -> Result<Self, StoreError> {
        let location = location.into();
        let name = location.to_string();
        let store = Box::pin(Self::connect(location, connections, IfBehind::Look)).await?;
        store.refuse_half_a_copy(&name).await?;
        Ok(store)
    }

    /// Whether a database ends before its mark. One on a server has none.
    pub fn is_behind(location: &Location) -> Result<bool, StoreError> {
        match location {
            Location::File(path) => Ok(mark::behind(path)?.is_some()),
            Location::Server(_) => Ok(false),
        }
    }

    /// Takes an SQLite file that ends before its mark for what it is: a backup that was restored. Gives what it lacks;
    /// `None` if it lacks nothing.
    pub fn accept_restored(database: &Path) -> Result<Option<Behind>, StoreError> {
        mark::accept(database)
    }

    pub(super) async fn connect(
        location: Location,
        connections: Connections,
        if_behind: IfBehind,
    ) -> Result<Self, StoreError> {
        let (mut room, mut mark, mut behind) = (None, None, None);
        let (source, first, readers) = match location {
            Location::File(path) => {
                room::make_room_to_open(&path);
                behind = look_behind(&path, if_behind)?.map(|behind| (Arc::from(&*path), behind));
                room = Some(Room::for_file(&path));
                mark = behind.is_none().then(|| Mark::for_database(&path));
                let file = sqlite::File::new(path);
                let writer = match behind {
                    None => file.migrate().await?,
                    Some(_) => file.look()?,
                };
                let readers = Readers::Sqlite(file.readers());
                (Source::Sqlite(file), Link::Sqlite(Box::new(writer)), readers)
            }
            Location::Server(url) => {
                let server = postgres::Server::from_url(&url, connections)?;
                let mut conn = server.writer().await?;
                server.migrate(&mut conn).await?;
                let pools = server.readers();
                let apart = pools.all.clone();
                let mut link = server.link(conn, apart.clone(), Layout::Together);
                let layout = distribute::layout(&mut Conn(&mut link)).await?;
                if layout == Layout::ByDomain {
                    distribute::spread_new(&mut Conn(&mut link)).await?;
                }
                link.lies(layout);
                let readers = Readers::Postgres(pools, layout);
                (Source::Postgres(Box::new(server), apart, layout), link, readers)
            }
        };
        Ok(Self {
            writers: Arc::new(Writers::new(source, first, mark)),
            readers,
            names: Arc::default(),
            room,
            behind,
        })
    }
}
