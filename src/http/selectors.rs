//! `/domains/{id}/dmarc/selectors`: how the DKIM selectors of a domain are used.

use axum::Json;
use axum::extract::State;

use super::error::ApiError;
use super::fields::Parameters;
use super::owned::OwnedDomain;
use super::state::AppState;
use crate::api::{SelectorBody, SelectorList};
use crate::insight::{Selector, Selectors, selectors};

/// `GET /domains/{id}/dmarc/selectors`
pub(super) async fn selector_list(
    State(state): State<AppState>,
    OwnedDomain(domain): OwnedDomain,
    parameters: Parameters,
) -> Result<Json<SelectorList>, ApiError> {
    parameters.finish()?;
    let found = selectors(&state.store, &domain, state.today()).await?;
    let keys = state.domains.selector_keys(&found.key_names()).await;
    Ok(Json(SelectorList::from(&found.with_keys(&keys))))
}

impl From<&Selectors> for SelectorList {
    fn from(found: &Selectors) -> Self {
        Self {
            known_until: found.known_until.map(|day| day.to_string()),
            selectors: found.rows.iter().map(SelectorBody::from).collect(),
            total: found.total as u64,
        }
    }
}

impl From<&Selector> for SelectorBody {
    fn from(one: &Selector) -> Self {
        Self {
            domain: one.domain.clone(),
            selector: one.selector.clone(),
            key_name: one.key_name(),
            standing: one.standing.word().into(),
            key: one.key.word().into(),
            says: one.says.clone(),
            first_seen: one.first_seen.to_string(),
            last_seen: one.last_seen.to_string(),
            days: one.days as u64,
            quiet_days: one.quiet_days.unsigned_abs().into(),
            longest_pause: one.longest_pause.unsigned_abs().into(),
            pass_count: one.pass,
            fail_count: one.fail,
            active_reporters: one.active_reporters as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::api::{KEYS_IN_DNS, SELECTOR_STANDINGS};
    use crate::domains::KeyInDns;
    use crate::insight::SelectorStanding;

    #[test]
    fn documented_words_are_the_words() {
        let standings = SelectorStanding::ALL.iter().map(|standing| standing.word());
        assert!(standings.eq(SELECTOR_STANDINGS));
        assert!(KeyInDns::ALL.iter().map(|key| key.word()).eq(KEYS_IN_DNS));
    }
}
