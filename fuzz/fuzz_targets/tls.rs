//! Any bytes as a TLS report: what is read is the same the second time, and within the budget of a message.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tallymark::base::budget::{Budget, CostLimits};
use tallymark::report::tls::{Hints, Limits, content_key, parse};
use tallymark::tally::tls_sums;

fuzz_target!(|text: &[u8]| {
    let limits = CostLimits::default();
    let budget = Budget::new(&limits, text.len(), &|_| false);
    let again = || parse(&mut &*text, Hints::default(), &Limits::default(), &budget);
    match (again(), again()) {
        (Ok(one), Ok(two)) => {
            assert_eq!(one.report, two.report);
            assert!(content_key(&one.report) == content_key(&two.report));
            let counts = one.report.policies.iter();
            let counts = counts.map(|policy| policy.successful + policy.failed);
            let (sums, _) = tls_sums(&one.report);
            let of_policies = sums.iter().filter(|(key, _)| key.kind.word() == "policy");
            let sum = of_policies.map(|(_, sum)| (sum.successful + sum.failed).cast_unsigned());
            assert_eq!(sum.sum::<u64>(), counts.sum::<u64>());
        }
        // The second reading may find the budget used up.
        (Ok(_), Err(_)) => assert!(budget.breach().is_some()),
        (Err(_), Err(_)) => {}
        (Err(one), Ok(_)) => panic!("read the second time only: {one}"),
    }
});
