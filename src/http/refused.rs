//! `/refused`: mail that was refused after its end.

use axum::extract::State;
use axum::response::Response;

use super::client::Client;
use super::error::ApiError;
use super::fields::Parameters;
use super::listing::{Listing, file_name};
use super::state::AppState;
use crate::api::{RefusedItem, RefusedList};
use crate::base::clock::format_instant;
use crate::store::RefusedDay;

/// `GET /refused`
pub(super) async fn list(
    State(state): State<AppState>,
    client: Client,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let listing = Listing::read(&mut parameters, &state.config);
    parameters.finish()?;
    let days = state.store.refused(client.account, state.clock.now()).await?;
    let list = RefusedList {
        refused: days.iter().map(RefusedItem::from).collect(),
    };
    let name = |_: &_| file_name(&["not-taken", &state.today().to_string()]);
    Ok(listing.answer(list, name))
}

impl From<&RefusedDay> for RefusedItem {
    fn from(of: &RefusedDay) -> Self {
        let (comes_again, says) = advice(&of.reason);
        Self {
            date: of.day.to_string(),
            reason: of.reason.clone(),
            messages: of.refused.messages,
            bytes: of.refused.bytes,
            first_at: format_instant(of.refused.first_at),
            last_at: format_instant(of.refused.last_at),
            comes_again,
            says: says.into(),
        }
    }
}

/// Whether senders try again after a refusal for this reason, and what the owner of the account can do.
fn advice(reason: &str) -> (bool, &'static str) {
    match reason {
        "over_quota" => (
            true,
            "Nothing in these messages would be counted, and the room for such mail of one day was full. Their senders were told \
             to try again: what they bring on another day has room again. If reports that you want were among them, add the \
             domains that they are about, accept their reporters, or raise limits.set_aside_messages_per_day_max, \
             limits.set_aside_bytes_per_day_max, limits.held_reports_per_day_max and limits.held_bytes_per_day_max.",
        ),
        "too_much_for_others" => (
            true,
            "These messages have recipients in several accounts, and the others took all the room of a message of this size. Their \
             senders were told to try again, and a later try is taken. You need do nothing.",
        ),
        "undecided" => (
            true,
            "The senders of these messages could not be authenticated: name servers did not answer in time. They were told to \
             try again, and the next try is taken. If this goes on, look at the name servers of this machine.",
        ),
        "no_room" => (
            true,
            "The disk or the memory had no room for these messages. Their senders were told to try again. Free some of the \
             disk: /readyz says whether mail is taken now.",
        ),
        "not_stored" => (
            true,
            "The database did not take these messages, or too many large ones were being read. Their senders were told to try \
             again. The log says why.",
        ),
        "too_large" => (
            false,
            "These messages are larger than limits.message_bytes_max. Their senders were told so and do not try again. If \
             reports were among them, raise this setting.",
        ),
        "bare_newline" => (
            false,
            "These messages have line ends that different servers read as different messages. Their senders were told so and \
             do not try again. The log has their names: tell those whose reports are missing.",
        ),
        "loop" => (
            false,
            "These messages had come by too many servers. They most often go in a circle: look at what forwards mail to the \
             report address.",
        ),
        _ => (
            false,
            "These messages were refused. The log says why, and from whom they came.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Day;
    use crate::store::Refused;

    #[test]
    fn refusals_are_whole_sentences_that_state_retries() {
        for (reason, again) in [
            ("over_quota", true),
            ("too_much_for_others", true),
            ("undecided", true),
            ("no_room", true),
            ("not_stored", true),
            ("too_large", false),
            ("bare_newline", false),
            ("loop", false),
            ("a word of a later version", false),
        ] {
            let (comes_again, says) = advice(reason);
            assert_eq!(comes_again, again, "{reason}");
            assert!(says.ends_with('.') && !says.contains("  "), "{says}");
        }
    }

    #[test]
    fn a_day_says_its_date_and_both_instants() {
        let day = RefusedDay {
            day: Day(20_500),
            reason: "loop".to_owned(),
            refused: Refused::one(7, 20_500 * 86_400_000).and(Refused::one(5, 20_500 * 86_400_000 + 1_000)),
        };
        let item = RefusedItem::from(&day);
        assert_eq!((item.date.as_str(), item.messages, item.bytes), ("2026-02-16", 2, 12));
        assert_eq!(
            (item.first_at.as_str(), item.last_at.as_str()),
            ("2026-02-16T00:00:00.000Z", "2026-02-16T00:00:01.000Z")
        );
    }
}
