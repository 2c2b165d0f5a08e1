//! The web page: who sends as you, to look at.
//!
//! It is a client of the API in this process: every page asks the API's own router, as the key of the signed-in user
//! ([`crate::http::SignedIn`]). So what a key may see and do, limits and figures are the API's; of the database only
//! sessions are the page's own. Pages are HTML that is complete without a script; `assets/page.js` makes them nicer.

mod alerts;
mod api;
mod aside;
mod assets;
mod attention;
mod authentic;
mod chart;
mod comparison;
mod days;
mod decisions;
mod domain;
mod domains;
mod elsewhere;
mod export;
mod fails;
mod failure_reports;
mod failures;
mod form_token;
mod glossary;
mod held;
mod history;
mod intake;
mod keys;
mod layout;
mod locale;
mod mail_links;
mod numbers;
mod overview;
mod parts;
mod plausibility;
mod query;
mod readiness;
mod receipts;
mod reports;
mod rotation;
mod search;
mod selectors;
mod senders;
mod sessions;
mod settings;
mod setup;
mod sign_in_link;
mod sources;
mod spf;
mod state;
mod summary;
mod tables;
mod tabs;
mod tls;
mod tls_address;
mod uploads;
mod visitor;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};

pub use self::sign_in_link::SignInLink;

use self::sign_in_link::Link;
use self::state::PageState;
use crate::apart::Apart;
use crate::base::clock::Clock;
use crate::http::{Rate, RateLimiter, compressed};
use crate::store::Store;

/// How the page may be used.
#[derive(Debug, Clone, Default)]
pub struct PageOptions {
    /// Pages of a session; `None`: no limit.
    pub rate: Option<Rate>,
    /// Whether users may sign in over plain HTTP from private networks.
    pub insecure_sign_in: bool,
    /// A link that signs in once.
    pub sign_in_link: Option<SignInLink>,
}

/// Tries to sign in, by address: ten at once, then one a second.
const ATTEMPTS: Rate = Rate {
    per_second: 1,
    burst: 10,
};
/// A page is read from the API's answers and written on one thread, which may take longer than other requests should wait.
async fn apart(request: Request, next: Next) -> Response {
    Apart::new(next.run(request)).await
}

/// A form without files.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// As [`router_with`], without limits and over TLS only.
pub fn router(api: Router, store: Store, clock: Clock) -> Router {
    router_with(api, store, clock, PageOptions::default())
}

/// The page in front of the API, which answers all other addresses.
pub fn router_with(api: Router, store: Store, clock: Clock, options: PageOptions) -> Router {
    let state = PageState {
        api: api.clone(),
        store,
        clock,
        attempts: Arc::new(RateLimiter::new(Some(ATTEMPTS))),
        visits: Arc::new(RateLimiter::new(options.rate)),
        insecure_sign_in: options.insecure_sign_in,
        link: Arc::new(Link::new(options.sign_in_link)),
    };
    Router::new()
        .route("/", get(overview::show))
        .route("/overview.csv", get(overview::csv))
        .route("/needs-attention", get(attention::show))
        .route("/needs-attention.csv", get(attention::csv))
        .route("/intake", get(intake::show))
        .route("/intake/{number}", get(aside::show))
        .route("/intake/{number}/message", get(aside::message))
        .route("/find", get(search::show))
        .route("/find.csv", get(search::csv))
        .route("/glossary", get(glossary::show))
        .route("/arrivals.csv", get(intake::arrivals_csv))
        .route("/refused.csv", get(intake::refused_csv))
        .route("/quarantine.csv", get(intake::quarantine_csv))
        .route("/view/{id}", get(domain::show))
        .route("/view/{id}/days.csv", get(domain::days_csv))
        .route("/view/{id}/receipts", get(receipts::show))
        .route("/view/{id}/sources", get(sources::show))
        .route("/view/{id}/sources.csv", get(sources::csv))
        .route("/view/{id}/services.csv", get(senders::csv))
        .route("/view/{id}/decisions.csv", get(decisions::csv))
        .route("/view/{id}/sources/{source_ip}", get(sources::one))
        .route("/view/{id}/sources/{source_ip}/records.csv", get(sources::records_csv))
        .route("/view/{id}/reporters", get(tables::reporters))
        .route("/view/{id}/reporters.csv", get(tables::reporters_csv))
        .route("/view/{id}/plausibility", get(plausibility::show))
        .route("/view/{id}/dkim", get(tables::dkim))
        .route("/view/{id}/dkim.csv", get(tables::dkim_csv))
        .route("/view/{id}/spf", get(spf::show))
        .route("/view/{id}/reports", get(reports::list))
        .route("/view/{id}/reports.csv", get(reports::csv))
        .route("/view/{id}/reports/{number}", get(reports::show))
        .route("/view/{id}/reports/{number}/records.csv", get(reports::records_csv))
        .route("/view/{id}/reports/{number}/original", get(reports::original))
        .route("/view/{id}/failure-reports", get(failure_reports::list))
        .route("/view/{id}/failure-reports.csv", get(failure_reports::csv))
        .route("/view/{id}/failure-reports/{report}", get(failure_reports::show))
        .route("/view/{id}/reports/{number}/proof", get(reports::proof))
        .route("/view/{id}/tls", get(tls::show))
        .route("/view/{id}/tls.csv", get(tls::csv))
        .route("/view/{id}/setup", get(setup::show))
        .route("/view/{id}/summary", get(summary::show))
        .merge(forms())
        .route("/assets/{name}", get(assets::serve))
        .layer(from_fn(apart))
        .layer(from_fn_with_state(state.clone(), failures::framed))
        .layer(from_fn(layout::protect))
        .fallback(failures::elsewhere)
        .layer(from_fn(locale::localised))
        .layer(from_fn(compressed))
        .with_state(state)
}

/// The pages with a form, each with a limit on what is sent.
fn forms() -> Router<PageState> {
    // The API's own limit for uploads holds, when it is asked.
    let uploads = Router::new()
        .route("/upload", get(uploads::form).post(uploads::upload))
        .layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/sign-in", get(sessions::form).post(sessions::sign_in))
        .route("/sign-in/{token}", get(sessions::link_form).post(sessions::use_link))
        .route("/signed-in", get(sessions::signed_in))
        .route("/sign-out", post(sessions::sign_out))
        .route(
            "/confirm/{token}",
            get(mail_links::confirm_form).post(mail_links::confirm),
        )
        .route(
            "/unsubscribe/{token}",
            get(mail_links::unsubscribe_form).post(mail_links::unsubscribe),
        )
        .route("/add", get(setup::add_form).post(setup::add))
        .route("/view/{id}/verify", post(setup::verify))
        .route("/view/{id}/dkim/rotate", post(rotation::start))
        .route("/view/{id}/dkim/rotate/activate", post(rotation::activate))
        .route("/view/{id}/dkim/rotate/cancel", post(rotation::cancel))
        .route("/view/{id}/tls/address", post(tls_address::create))
        .route("/view/{id}/tls/address/remove", post(tls_address::remove))
        .route("/view/{id}/settings", get(settings::form).post(settings::save))
        .route("/view/{id}/delete", get(settings::delete_form).post(settings::delete))
        .route("/view/{id}/reports/{number}/judge", post(held::judge))
        .route("/view/{id}/reporters/accept", post(held::accept))
        .route("/view/{id}/reporters/withdraw", post(held::withdraw))
        .route("/view/{id}/trust", post(held::save))
        .route("/view/{id}/decisions", get(decisions::show).post(decisions::decide))
        .route("/view/{id}/decisions/{number}/remove", post(decisions::remove))
        .route("/view/{id}/receipts/changes", post(receipts::post))
        .route("/view/{id}/receipts/changes/{number}/remove", post(receipts::remove))
        .route("/intake/{number}/replay", post(intake::replay))
        .route("/intake/{number}/dismiss", post(aside::dismiss))
        .route("/keys", get(keys::show).post(keys::create))
        .route("/keys/end", post(keys::end))
        .route("/keys/{id}/revoke", post(keys::revoke))
        .merge(alerts::routes())
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .merge(uploads)
}
