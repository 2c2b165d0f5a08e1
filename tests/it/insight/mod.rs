//! What reports mean: figures against a truth that is known message by message.

mod alignment;
mod identity;
mod oracle;
mod plausibility;
pub mod rules;
mod simulate;
mod snoozes;
mod spf;
mod spf_terms;
