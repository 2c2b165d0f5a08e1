//! Mail, handed over to the one submission server that the operator names. No other server is connected to, no MX record is looked
//! up, and nothing is relayed: what cannot be handed over stays with its caller.

mod answer;
mod compose;
mod mailer;
mod opening;
mod settings;
mod smtp;

pub use answer::{Accepted, MailError};
pub use compose::Letter;
pub use mailer::{Demand, Mailer, Patience};
pub use settings::MailSettings;
