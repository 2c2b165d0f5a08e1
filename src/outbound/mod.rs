//! The client of foreign servers: connections, TLS, and one exchange over HTTP. It follows no redirect, uses no proxy, and
//! bounds time and bytes. Mail goes to the operator's submission server alone (`mail/`). Where a customer says where to connect, only public addresses are connected to (`guard.rs`).

mod client;
mod connect;
mod guard;
mod mail;
mod protection;
mod tls;
mod url;

pub use client::{Answer, Bounds, Call, Client, ExchangeError, Post, Verb};
pub use connect::{Stream, connect};
pub use guard::{Guard, OutboundSettings, Refusal};
pub use mail::{Accepted, Demand, Letter, MailError, MailSettings, Mailer, Patience};
pub use protection::Protection;
pub use tls::{Connector, TlsError, connector, protect};
pub use url::{Host, Scheme, URL_BYTES_MAX, Url, UrlError, percent_encoded};
