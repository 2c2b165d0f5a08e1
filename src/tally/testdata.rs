//! Evidence for tests.

use crate::report::aggregate::{
    AuthResult, Disposition, DkimAuth, Evidence, Reason, ReasonKind, SpfAuth, SpfScope, Verdict,
};

/// A signature with the selector `s1`.
pub(crate) fn dkim(domain: &str, result: &str) -> DkimAuth {
    DkimAuth {
        domain: Some(domain.into()),
        selector: Some("s1".into()),
        result: AuthResult::from_word(result).unwrap(),
        ..DkimAuth::default()
    }
}

/// A result for a MAIL FROM domain.
pub(crate) fn spf(domain: &str, result: &str) -> SpfAuth {
    SpfAuth {
        domain: Some(domain.into()),
        scope: Some(SpfScope::Mfrom),
        result: AuthResult::from_word(result).unwrap(),
        ..SpfAuth::default()
    }
}

pub(crate) fn reason(kind: &str, comment: &str) -> Reason {
    Reason {
        kind: ReasonKind::from_word(kind).unwrap(),
        kind_raw: None,
        comment: (!comment.is_empty()).then(|| comment.into()),
    }
}

/// Evidence with these results.
pub(crate) fn evidence(dkim: &[DkimAuth], spf: &[SpfAuth]) -> Evidence {
    Evidence {
        header_from: Some("example.com".into()),
        dkim: dkim.to_vec(),
        spf: spf.to_vec(),
        ..Evidence::default()
    }
}

/// A verdict by its two halves.
#[expect(clippy::fn_params_excessive_bools, reason = "as the fields are")]
pub(crate) fn verdict(dkim_aligned: bool, spf_aligned: bool) -> Verdict {
    Verdict {
        dkim_aligned,
        spf_aligned,
        disposition: Disposition::None,
        derived: false,
    }
}
