//! Mail whose reports would be held: as much of it as a day has room for, then 452.

use tallymark::ingest::IntakeOptions;
use tallymark::store::{DayQuota, KeepLimits};

use super::{Server, report};
use crate::provenance::dns::Dns;
use crate::store::fresh;

#[tokio::test]
async fn held_reports_beyond_the_quota_of_a_day_come_again_later() {
    for (quota, kept) in [
        (
            DayQuota {
                messages: 2,
                bytes: u64::MAX,
            },
            2,
        ),
        (
            DayQuota {
                messages: u64::MAX,
                bytes: 5_000,
            },
            3,
        ),
    ] {
        let dns = Dns::start().await;
        dns.text("_dmarc.reporter.example", "v=DMARC1; p=reject");
        let intake = IntakeOptions {
            authenticator: Some(dns.authenticator()),
            keep: KeepLimits {
                held_day_max: quota,
                ..KeepLimits::default()
            },
            ..IntakeOptions::new(fresh)
        };
        let server = Server::start_intake(|_| {}, intake).await;
        let rua = server.rua();
        let mut client = server.client().await;
        client.expect("EHLO c\r\n", "250-").await;
        for nth in 0..6 {
            let got = client
                .mail(&[&rua], &report(&nth.to_string(), "example.com", 5 + nth))
                .await;
            let expect = if nth < kept { "250 2.0.0 " } else { "452 4.2.2 " };
            assert!(got.starts_with(expect), "{nth}: {got}");
        }
        // What was kept is known, and takes no more room.
        let again = client.mail(&[&rua], &report("0", "example.com", 5)).await;
        assert!(again.starts_with("250 2.0.0 "), "{again}");
        let (store, domain) = (&server.database.store, server.database.domain.id);
        assert_eq!(store.held_count(domain).await.unwrap(), kept);
        assert_eq!(server.totals().await.messages(), 0);
        assert!(server.metric(&format!("tallymark_set_aside_refused_total {}", 6 - kept)));
        // The control: what is vouched for has no quota.
        dns.text("reporter.example", "v=spf1 ip4:127.0.0.1 -all");
        for nth in 10..14 {
            let got = client
                .mail(&[&rua], &report(&nth.to_string(), "example.com", 5 + nth))
                .await;
            assert!(got.starts_with("250 2.0.0 "), "{nth}: {got}");
        }
        assert_eq!(server.totals().await.messages(), 15 + 16 + 17 + 18);
    }
}
