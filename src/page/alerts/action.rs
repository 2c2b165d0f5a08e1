//! What can be done with a target or digest: a button that posts.

use maud::{Markup, html};

use super::super::visitor::Visitor;

/// A button that posts to an action below `base`.
pub(super) fn action(visitor: &Visitor, base: &str, action: &str, (class, title): (&str, &str)) -> Markup {
    html! { form method="post" action=(format!("{base}/{action}")) {
        (visitor.field())
        button .(class) type="submit" { (title) }
    } }
}
