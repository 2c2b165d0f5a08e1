//! Readers: addresses that mail of an account goes to once their owners agreed. Only hashes of addresses are stored.

use sha2::{Digest as _, Sha256};

use super::db::{Args, Conn};
use super::sql::sql;
use super::{Store, StoreError};
use crate::base::{AccountId, Day, MailAddress, Millis};

/// Questions without an answer to one address in 30 days.
pub const QUESTIONS_MAX: i64 = 3;
/// Questions of one account on a UTC day.
pub const ACCOUNT_QUESTIONS_MAX: i64 = 20;
/// Days for which those who do not agree are remembered, and who left is not asked.
const REMEMBERED_DAYS: i32 = 30;

/// What stands for an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader(pub [u8; 32]);

impl Reader {
    /// Upper and lower case are one: no server tells them apart.
    pub fn new(address: &MailAddress) -> Self {
        Self(Sha256::digest(address.as_str().to_ascii_lowercase()).into())
    }
}

impl Store {
    /// Whether the owner of an address agreed to mail of the account.
    pub async fn has_confirmed(&self, account: AccountId, reader: Reader) -> Result<bool, StoreError> {
        let mut conn = self.read().await?;
        let args = Args::default().int(account.0).blob(&reader.0);
        let row = Conn(&mut conn).first(sql!("reader_confirmed"), args).await?;
        Ok(row.map_or(Ok(None), |row| row.opt_int("confirmed_at"))?.is_some())
    }

    /// Counts a question to an address. False if the address or the account had as many as it may have, or the reader
    /// left: it is not to be asked.
    pub async fn may_ask(&self, account: AccountId, reader: Reader, day: Day) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let (mut conn, _) = write.parts();
        let args = Args::default().int(account.0).int((day.0 - REMEMBERED_DAYS).into());
        conn.run(sql!("reader_forget"), args).await?;
        let args = Args::default().int(account.0).int(day.0.into());
        let asked = conn.first(sql!("reader_asked"), args).await?;
        let asked = asked.map_or(Ok(0), |row| row.int("asked"))?;
        let args = Args::default().int(account.0).blob(&reader.0).int(day.0.into());
        let args = args.int(QUESTIONS_MAX).int((day.0 - REMEMBERED_DAYS).into());
        let may = asked < ACCOUNT_QUESTIONS_MAX && conn.run(sql!("reader_ask"), args).await? > 0;
        write.commit().await?;
        Ok(may)
    }

    /// Takes a question back that was counted that day and surely not sent.
    pub async fn was_not_asked(&self, account: AccountId, reader: Reader, day: Day) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let args = Args::default().int(account.0).blob(&reader.0).int(day.0.into());
        write.parts().0.run(sql!("reader_unask"), args).await?;
        write.commit().await
    }

    /// Notes that the owner of an address agreed. False if they had, or were never asked.
    pub async fn confirm_reader(&self, account: AccountId, reader: Reader, now: Millis) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let args = Args::default().int(account.0).blob(&reader.0).int(now);
        let confirmed = write.parts().0.run(sql!("reader_confirm"), args).await?;
        write.commit().await?;
        Ok(confirmed > 0)
    }

    /// Notes that the owner of an address agrees no more: they are asked before anything new is sent, and not for 30 days.
    pub async fn forget_confirmation(&self, account: AccountId, reader: Reader, day: Day) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let args = Args::default().int(account.0).blob(&reader.0);
        let args = args.int(day.0.into()).int(QUESTIONS_MAX);
        write.parts().0.run(sql!("reader_leave"), args).await?;
        write.commit().await
    }

    /// Notes that the owner of an address is never to be asked again. This is never forgotten.
    pub async fn refuse_questions(&self, account: AccountId, reader: Reader, day: Day) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let args = Args::default().int(account.0).blob(&reader.0).int(day.0.into());
        let args = args.int(i32::MAX.into()).int(QUESTIONS_MAX);
        write.parts().0.run(sql!("reader_refuse"), args).await?;
        write.commit().await
    }
}
