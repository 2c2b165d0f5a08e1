//! What proves later that a report is its reporter's: the mail as received, and the keys of its signatures as the DNS had them.

use crate::base::{DomainId, ReportNo};

use super::db::{Args, Conn};
use super::sql::sql;
use super::{MailKey, Original, ReportSummary, Store, StoreError, reports};

/// A report with what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub report: ReportSummary,
    pub mail: Original,
    /// The keys of the signatures that passed for the author of the mail. At least one.
    pub keys: Vec<MailKey>,
}

impl Store {
    /// What proves a report; `None` if its mail is not kept, or had no signature that passed.
    pub async fn proof(&self, domain: DomainId, no: ReportNo) -> Result<Option<Proof>, StoreError> {
        let mut conn = self.read().await?;
        let mut conn = Conn(&mut conn);
        let args = || Args::default().int(domain.0).int(no.0);
        let Some(original) = conn.first(sql!("original_of_report"), args()).await? else {
            return Ok(None);
        };
        let (Some(keys), Some(row)) = (
            original.opt_text("mail_keys")?,
            conn.first(sql!("report_by_no"), args()).await?,
        ) else {
            return Ok(None);
        };
        let keys = serde_json::from_str(&keys)
            .map_err(|_| StoreError::damaged("originals", format!("report {no}"), "has keys that cannot be read"))?;
        Ok(Some(Proof {
            report: reports::summary(&row)?,
            mail: reports::original(&original, no)?,
            keys,
        }))
    }
}

/// The stored form of keys; `None` if there are none.
pub(super) fn keys_json(keys: &[MailKey]) -> Option<String> {
    let json = || serde_json::to_string(keys).expect("texts and numbers always have a JSON form");
    (!keys.is_empty()).then(json)
}
