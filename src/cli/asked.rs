//! A domain, and the days that are asked about.

use super::Context;
use super::context::{account, domain};
use crate::app::App;
use crate::base::{Day, DayRange, Millis};
use crate::store::Domain;

/// Which domain, and which days.
#[derive(Debug, Clone, clap::Args)]
pub struct Asked {
    /// The domain.
    pub domain: String,
    /// Account of the domain; needed if there are several.
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// The last N days, including today.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3_650))]
    pub days: u16,
}

/// The database, opened, with what is asked about.
pub struct Opened {
    pub app: App,
    pub domain: Domain,
    pub range: DayRange,
    pub now: Millis,
}

impl Asked {
    /// Opens the database and finds the domain.
    pub async fn open(&self, context: Context) -> anyhow::Result<Opened> {
        let app = context.open_existing().await?;
        let account = account(&app.store, self.account.as_deref()).await?;
        let domain = domain(&app.store, &account, &self.domain).await?;
        let now = app.clock.now();
        let last = Day::from_unix(now.div_euclid(1_000));
        Ok(Opened {
            app,
            domain,
            range: DayRange::ending(last, i32::from(self.days)),
            now,
        })
    }
}
