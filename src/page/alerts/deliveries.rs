//! What was sent to a webhook or channel, and what it answered.

use maud::{Markup, html};

use super::super::api::Failure;
use super::super::parts::{empty, hostile, hostile_or_dash, no_rows, pages, plain, time};
use super::super::query::Asked;
use super::super::visitor::Visitor;
use super::kind::{Kind, Switch};
use crate::api::{ChannelDeliveryList, DeliveryBody, DeliveryList, DeliveryPagination, NewestPagination, Pagination};

/// Deliveries on a page.
const PER_PAGE: &str = "20";

/// The deliveries to a target. While it is off they cannot be sent again.
pub(super) async fn section(
    visitor: &Visitor,
    kind: Kind,
    id: &str,
    asked: &Asked,
    switch: Switch,
) -> Result<Markup, Failure> {
    let query = asked.with(&["page"], &[("per_page", PER_PAGE)]);
    let path = format!("{}/deliveries{query}", kind.below(id)?);
    let (deliveries, place): (Vec<DeliveryBody>, _) = match kind {
        Kind::Channel => {
            let ChannelDeliveryList { deliveries, meta } = visitor.api.get(&path).await?;
            (deliveries.into_iter().map(|one| one.delivery).collect(), meta)
        }
        Kind::Webhook => {
            let DeliveryList { deliveries, pagination } = visitor.api.get(&path).await?;
            (deliveries.into_iter().map(|one| one.delivery).collect(), pagination)
        }
    };
    let base = format!("/alerts/{}/{id}", kind.word());
    let pagination = pagination(&place);
    let nothing = empty(
        "No deliveries",
        html! { p { "Nothing that it wants has happened yet." } },
    );
    let has_failed = deliveries
        .iter()
        .any(|one| one.delivered_at.is_none() && one.next_retry_at.is_none());
    Ok(html! {
        section .card aria-labelledby="deliveries" {
            div .head {
                h2 #deliveries { "Deliveries" }
                @if kind == Kind::Webhook && switch == Switch::On && has_failed {
                    form method="post" action=(format!("{base}/replay-failed")) {
                        (visitor.field())
                        button type="submit" { "Send all failed ones again" }
                    }
                }
            }
            @if deliveries.is_empty() { (no_rows(&pagination, nothing)) }
            @else { (table(visitor, &base, &deliveries, switch)) }
            (pages(&pagination, ("delivery", "deliveries"), |page| format!("{base}?page={page}")))
        }
    })
}

fn pagination(place: &DeliveryPagination) -> Pagination {
    Pagination {
        total: place.total,
        more_than_total: false,
        page: place.page,
        per_page: place.per_page,
        total_pages: place.total_pages,
        next: None,
        newest: NewestPagination::default(),
    }
}

fn table(visitor: &Visitor, base: &str, deliveries: &[DeliveryBody], switch: Switch) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Table of deliveries" {
            table .cards {
                thead { tr {
                    th scope="col" { "Event" } th scope="col" { "Happened" } th scope="col" { "State" } th scope="col" .num { "Attempts" }
                    th scope="col" { "Answer" } th scope="col" { span .hidden { "Actions" } }
                } }
                tbody { @for delivery in deliveries { tr {
                    th scope="row" { (hostile(&delivery.event_type)) (request(delivery)) }
                    td data-label="Happened" { (time(&delivery.created_at)) }
                    td data-label="State" { @match (&delivery.delivered_at, &delivery.next_retry_at) {
                        (Some(at), _) => { span .chip.good { "delivered" } " " (time(at)) }
                        (None, Some(at)) => { "next attempt " (time(at)) }
                        (None, None) => span .chip.bad { "failed" },
                    } }
                    td data-label="Attempts" .num { (delivery.attempts) }
                    td data-label="Answer" {
                        @if let Some(status) = delivery.status_code { (status) " " }
                        (hostile_or_dash(delivery.response_body.as_deref()))
                    }
                    td { @if switch == Switch::On { form method="post" action=(format!("{base}/deliveries/{}/replay", delivery.id)) {
                        (visitor.field())
                        button type="submit" aria-label=(format!("Send {} again, number {}", plain(&delivery.event_type), delivery.id)) { "Send again" }
                    } } }
                } } }
            }
        }
    }
}

/// The event, a line of it at a time: what is in a line may be of a stranger.
fn request(delivery: &DeliveryBody) -> Markup {
    let text = serde_json::to_string_pretty(&delivery.payload).unwrap_or_default();
    html! {
        details {
            summary { "Request" }
            pre .request tabindex="0" { @for line in text.lines() { (hostile(line)) "\n" } }
        }
    }
}
