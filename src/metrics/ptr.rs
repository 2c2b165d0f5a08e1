//! What is counted of the names of sending addresses.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Questions, answers, and the addresses that wait.
#[derive(Debug, Default)]
pub struct PtrFigures {
    questions: Counter,
    answers: Family<AnswerLabels, Counter>,
    waiting: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    answer: &'static str,
}

impl PtrFigures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "ptr_questions",
            "DNS questions asked for the names of sending addresses",
            self.questions.clone(),
        );
        registry.register(
            "ptr_answers",
            "Sending addresses that were asked about, by answer",
            self.answers.clone(),
        );
        registry.register(
            "ptr_waiting",
            "Sending addresses to be asked about, as of the last look of this node",
            self.waiting.clone(),
        );
    }

    /// One DNS question about a sending address.
    pub fn count_question(&self) {
        self.questions.inc();
    }

    /// One sending address that was asked about: `confirmed`, `none`, `unconfirmed` or `no_answer`.
    pub fn count_answer(&self, answer: &'static str) {
        self.answers.get_or_create(&AnswerLabels { answer }).inc();
    }

    /// How many sending addresses are to be asked about.
    pub fn set_waiting(&self, waiting: u64) {
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }
}
