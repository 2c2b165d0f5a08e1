//! Requests with an idempotency key: a repeat is answered without running again.

use super::db::{Args, Statement};
use super::sql::sql;
use super::{CLOCKS_DIFFER_MAX, Store, StoreError};
use crate::base::{AccountId, KeyId, Millis};

/// A request with an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestName {
    /// Who sent it.
    pub key: KeyId,
    /// Hash of the route and of the client's key.
    pub scope: [u8; 32],
}

/// How long requests are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Requests from before this instant are forgotten.
    pub forgotten: Millis,
    /// A request that began before this instant and has no answer yet was given up by its node.
    pub given_up: Millis,
}

/// What is known of a request when it arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: the caller runs it, and then finishes or forgets it.
    First,
    /// It was answered before.
    Answered {
        /// HTTP status.
        status: u16,
        /// The stored answer.
        answer: Vec<u8>,
    },
    /// Another try is running.
    Running,
    /// The first request had another body.
    Differs,
}

/// Bytes of a remembered request apart from its answer.
pub const KEPT_REQUEST_BYTES: u64 = 256;
/// Requests that are deleted per transaction.
const PURGED_AT_ONCE: i64 = 1_000;
/// A request that began this long after the oldest kept instant began under a clock that was ahead.
const AHEAD_MAX: Millis = 48 * 3_600_000;

impl Store {
    /// Begins a request for `owner`, a random value, unless it was begun before.
    pub async fn begin_request(
        &self,
        name: &RequestName,
        body_hash: &[u8; 32],
        owner: &[u8; 16],
        now: Millis,
        memory: Memory,
    ) -> Result<Begun, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = named(name).blob(body_hash).blob(owner).int(now);
        let args = args.int(memory.forgotten).int(memory.given_up);
        let args = args.int(now.saturating_add(CLOCKS_DIFFER_MAX));
        if conn.run(sql!("request_begin"), args).await? > 0 {
            write.commit().await?;
            return Ok(Begun::First);
        }
        let Some(row) = conn.first(sql!("request_by_scope"), named(name)).await? else {
            // It was forgotten between the two statements: as if it still ran.
            return Ok(Begun::Running);
        };
        if row.blob("body_hash")? != body_hash {
            return Ok(Begun::Differs);
        }
        Ok(match (row.opt_int("status")?, row.opt_blob("answer")?) {
            (Some(status), Some(answer)) => Begun::Answered {
                status: u16::try_from(status).map_err(|_| {
                    StoreError::damaged("idempotent_requests", name.key.0, "status is not an HTTP status")
                })?,
                answer: answer.to_vec(),
            },
            _ => Begun::Running,
        })
    }

    /// Stores the answer of a request that `owner` began. Returns false if it was taken over meanwhile.
    pub async fn finish_request(
        &self,
        name: &RequestName,
        owner: &[u8; 16],
        status: u16,
        answer: &[u8],
    ) -> Result<bool, StoreError> {
        let args = named(name).blob(owner).int(status.into()).blob(answer);
        self.change(sql!("request_finish"), args).await
    }

    /// Lets the next one run it: what `owner` began has no answer worth keeping. False if it was taken over meanwhile.
    pub async fn forget_request(&self, name: &RequestName, owner: &[u8; 16]) -> Result<bool, StoreError> {
        self.change(sql!("request_forget"), named(name).blob(owner)).await
    }

    /// Forgets the oldest answers of an account if all that it has kept is more than `bytes_max`, until it is at most half
    /// of that: so that this is seldom done. Returns the bytes that it has then.
    pub async fn trim_requests(&self, account: AccountId, bytes_max: u64) -> Result<u64, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let mut enough = bytes_max;
        loop {
            let args = Args::default().int(account.0);
            let kept = conn.first(sql!("requests_kept"), args).await?;
            let (requests, bytes) = kept.map_or(Ok((0, 0)), |row| {
                Ok::<_, StoreError>((row.count("total")?, row.count("bytes")?))
            })?;
            let bytes = bytes.saturating_add(requests.saturating_mul(KEPT_REQUEST_BYTES));
            if bytes <= enough {
                write.commit().await?;
                return Ok(bytes);
            }
            enough = bytes_max / 2;
            let oldest = i64::try_from(requests.div_ceil(2)).unwrap_or(i64::MAX);
            let args = Args::default().int(account.0).int(oldest);
            if conn.run(sql!("requests_drop_oldest"), args).await? == 0 {
                // All that are left are still running.
                write.commit().await?;
                return Ok(bytes);
            }
        }
    }

    /// Forgets the requests from before an instant, and those of the far future, which began under a clock that was ahead.
    /// Returns their number.
    pub async fn purge_requests(&self, before: Millis) -> Result<u64, StoreError> {
        let ahead = before.saturating_add(AHEAD_MAX);
        let purged = self.purge_some_requests(sql!("requests_purge"), before).await?;
        Ok(purged + self.purge_some_requests(sql!("requests_purge_ahead"), ahead).await?)
    }

    async fn purge_some_requests(&self, statement: &'static Statement, at: Millis) -> Result<u64, StoreError> {
        let mut purged = 0;
        loop {
            let mut write = self.write().await?;
            let args = Args::default().int(at).int(PURGED_AT_ONCE);
            let some = write.parts().0.run(statement, args).await?;
            write.commit().await?;
            purged += some;
            if some < PURGED_AT_ONCE.unsigned_abs() {
                return Ok(purged);
            }
        }
    }
}

fn named(name: &RequestName) -> Args {
    Args::default().int(name.key.0).blob(&name.scope)
}
