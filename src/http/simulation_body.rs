//! The answer to a simulation, with the paths of the rows behind each figure.

use std::fmt::Write as _;

use super::sums::pass_rate;
use crate::api::{
    CountsBody, DifferenceBody, FlowShift, OverridesBody, ReasonCount, RecordCount, ReportCount, ReporterShift,
    ReporterShifts, RowsBody, ServiceShift, ServiceShifts, ShiftBody, SimulationBody, SpfTrialBody, SubdomainShift,
    SubdomainShifts, TagsBody,
};
use crate::base::DayRange;
use crate::domains::SpfTrial;
use crate::enrich::Flow;
use crate::insight::{Counts, Group, Listed, Shift, Simulated, Simulation};
use crate::report::aggregate::{AlignmentMode, Policy, PolicyPublished, ReasonKind};
use crate::store::Domain;

/// Paths of lists about the domain and the range.
struct Paths<'d> {
    domain: &'d Domain,
    range: DayRange,
}

impl Paths<'_> {
    /// A list with one more parameter.
    fn to(&self, list: &str, parameter: Option<(&str, &str)>) -> String {
        let DayRange { first, last } = self.range;
        let mut path = format!("/domains/{}/dmarc/{list}?from={first}&to={last}", self.domain.public_id);
        if let Some((name, text)) = parameter {
            let _ = write!(path, "&{name}={}", escaped(text));
        }
        path
    }
}

/// RFC 3986, 2.1.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

impl From<(&Domain, &Simulation, &Simulated)> for SimulationBody {
    fn from((domain, simulation, found): (&Domain, &Simulation, &Simulated)) -> Self {
        let range = found.range;
        let paths = Paths { domain, range };
        let flow = |(flow, shift): &(Flow, Shift)| FlowShift {
            flow: flow.word().into(),
            messages: shift.now.messages(),
            shift: shift.into(),
            rows: paths.to("sources", Some(("flow", flow.word()))),
        };
        Self {
            from: range.first.to_string(),
            to: range.last.to_string(),
            origin: found.published.origin.word().into(),
            published: (&found.published.policy).into(),
            tried: (&found.candidate).into(),
            spf: simulation.spf.as_ref().map(SpfTrialBody::from),
            messages: found.total.now.messages(),
            shift: (&found.total).into(),
            expected_after: (&found.expected).into(),
            services: services(&found.services, &paths),
            flows: found.flows.iter().map(flow).collect(),
            subdomains: subdomains(&found.subdomains, &paths),
            reporters: reporters(&found.reporters, &paths),
            overrides: overrides(found),
            contradictions: RecordCount {
                records: found.contradicting.0,
                messages: found.contradicting.1,
            },
            records_kept: found.without_records.0 == 0,
            without_records: ReportCount {
                reports: found.without_records.0,
                messages: found.without_records.1,
            },
            under_other_records: found.under_other_records,
            existence_unknown: found.existence_unknown,
            rows: RowsBody {
                stats: paths.to("stats", None),
                export: paths.to("export", None),
            },
        }
    }
}

fn more(list: &Listed) -> bool {
    list.rows.len() < list.total
}

fn services(list: &Listed, paths: &Paths<'_>) -> ServiceShifts {
    let row = |group: &Group| ServiceShift {
        name: group.name.as_deref().map(str::to_owned),
        flow: group.flows.main().unwrap_or(Flow::Unknown).word().into(),
        flows: (&group.flows).into(),
        messages: group.shift.now.messages(),
        shift: (&group.shift).into(),
        rows: group
            .name
            .as_ref()
            .map(|name| paths.to("sources", Some(("service", name)))),
    };
    ServiceShifts {
        rows: list.rows.iter().map(row).collect(),
        total: list.total as u64,
        more: more(list),
    }
}

fn subdomains(list: &Listed, paths: &Paths<'_>) -> SubdomainShifts {
    let row = |group: &Group| SubdomainShift {
        header_from: group.name.as_deref().map(str::to_owned),
        exists: group.exists,
        messages: group.shift.now.messages(),
        shift: (&group.shift).into(),
        rows: paths.to("subdomains", None),
    };
    SubdomainShifts {
        rows: list.rows.iter().map(row).collect(),
        total: list.total as u64,
        more: more(list),
    }
}

fn reporters(list: &Listed, paths: &Paths<'_>) -> ReporterShifts {
    let row = |group: &Group| ReporterShift {
        org_name: group.name.as_deref().map(str::to_owned),
        messages: group.shift.now.messages(),
        shift: (&group.shift).into(),
        failing: group.overrides.failing,
        overridden: group.overrides.overridden,
        rows: group.name.as_ref().map(|name| paths.to("reports", Some(("org", name)))),
    };
    ReporterShifts {
        rows: list.rows.iter().map(row).collect(),
        total: list.total as u64,
        more: more(list),
    }
}

fn overrides(found: &Simulated) -> OverridesBody {
    let all = found.overrides;
    let reason = |(reason, messages): &(Option<ReasonKind>, u64)| ReasonCount {
        reason: reason.map_or(UNSTATED, ReasonKind::word).into(),
        messages: *messages,
    };
    OverridesBody {
        failing: all.failing,
        overridden: all.overridden,
        rate: pass_rate(all.overridden, all.failing - all.overridden),
        reasons: found.reasons.iter().map(reason).collect(),
    }
}

/// The word for messages without a reason.
const UNSTATED: &str = "unstated";

impl From<&PolicyPublished> for TagsBody {
    fn from(policy: &PolicyPublished) -> Self {
        let word = |policy: Option<Policy>| policy.map(|policy| policy.word().into());
        let mode = |mode: Option<AlignmentMode>| mode.map(|mode| mode.word().into());
        Self {
            p: word(policy.p),
            sp: word(policy.sp),
            np: word(policy.np),
            adkim: mode(policy.adkim),
            aspf: mode(policy.aspf),
            t: policy
                .testing
                .map(|is_testing| if is_testing { "y" } else { "n" }.into()),
            pct: policy.pct,
        }
    }
}

impl From<&SpfTrial> for SpfTrialBody {
    fn from(trial: &SpfTrial) -> Self {
        Self {
            lookups: trial.lookups,
            problem: trial.fault.clone(),
            uncertain: trial.is_uncertain,
        }
    }
}

impl From<&Counts> for CountsBody {
    fn from(counts: &Counts) -> Self {
        Self {
            pass: counts.pass,
            none: counts.none,
            quarantine: counts.quarantine,
            reject: counts.reject,
            unknown: counts.unknown,
        }
    }
}

impl From<&Shift> for ShiftBody {
    fn from(Shift { now, after }: &Shift) -> Self {
        // Sums are far below what a number with a sign holds.
        let less = |of: fn(&Counts) -> u64| of(after).wrapping_sub(of(now)).cast_signed();
        Self {
            now: now.into(),
            after: after.into(),
            difference: DifferenceBody {
                pass: less(|counts| counts.pass),
                none: less(|counts| counts.none),
                quarantine: less(|counts| counts.quarantine),
                reject: less(|counts| counts.reject),
                unknown: less(|counts| counts.unknown),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{ORIGINS, OVERRIDES};
    use crate::insight::Origin;

    #[test]
    fn documented_words_are_the_words() {
        assert!(Origin::ALL.iter().map(|origin| origin.word()).eq(ORIGINS));
        let reasons = ReasonKind::ALL.iter().map(|reason| reason.word());
        assert!(reasons.chain([UNSTATED]).eq(OVERRIDES));
    }

    #[test]
    fn names_are_escaped_in_paths() {
        assert_eq!(
            escaped("Gmail (gmail.com) & \u{fc}"),
            "Gmail%20%28gmail.com%29%20%26%20%C3%BC"
        );
    }
}
