//! What can be done with a target or digest: a button that posts, and what both do alike.

use axum::http::Method;
use maud::{Markup, html};

use super::super::api::Failure;
use super::super::visitor::Visitor;
use crate::api::ChannelTested;

/// A button that posts to an action below `base`.
pub(super) fn action(visitor: &Visitor, base: &str, action: &str, (class, title): (&str, &str)) -> Markup {
    html! { form method="post" action=(format!("{base}/{action}")) {
        (visitor.field())
        button .(class) type="submit" { (title) }
    } }
}

/// Asks a reader once more whether they agree to mail. Gives what was done, as the address of a page says it.
pub(super) async fn ask_again(visitor: &Visitor, path: &str) -> Result<&'static str, Failure> {
    let asked: ChannelTested = visitor.api.send(Method::POST, path, &()).await?;
    Ok(if asked.success { "asked" } else { "unasked" })
}
