//! What is written of what was counted.

use super::*;

#[test]
fn counts_are_written_with_labels() {
    let metrics = Metrics::new();
    metrics.count_request("/domains/{id}", "GET", 200, Duration::from_millis(3));
    metrics
        .clone()
        .count_request("/domains/{id}", "GET", 200, Duration::from_millis(3));
    metrics.count_report("duplicate");
    metrics.count_set_aside("quarantined", "malformed_xml");
    metrics.tls().count_report("held");
    metrics.tls().count_sessions("sts", "failed", 3);
    metrics.tls().count_failures("certificate-expired", 2);
    metrics.count_reread("report");
    metrics.set_queue_depth(3, 100);
    metrics.observe_provenance("pass", 7, Duration::from_millis(2));
    metrics.observe_batch(5, Duration::from_millis(2));
    metrics.feeds().set_up("inbox");
    metrics.feeds().set_read_at("inbox", 1_760_000_000_123);
    metrics.feeds().count_message("inbox", "taken");
    metrics.feeds().count_failure("inbox", "login_refused");
    metrics.observe_job("purge", JobOutcome::Failed, Duration::from_millis(2));
    metrics.set_job_held("purge");
    metrics.count_names_file("networks", "refused");
    metrics.set_networks_data_at(1_760_000_000);
    let (text, _) = metrics.encode();
    for line in [
        r#"tallymark_http_requests_total{route="/domains/{id}",method="GET",status="200"} 2"#,
        r#"tallymark_http_request_seconds_count{route="/domains/{id}"} 2"#,
        r#"tallymark_reports_total{outcome="duplicate"} 1"#,
        r#"tallymark_set_aside_total{kind="quarantined",reason="malformed_xml"} 1"#,
        r#"tallymark_tls_reports_total{outcome="held"} 1"#,
        r#"tallymark_tls_sessions_total{policy="sts",result="failed"} 3"#,
        r#"tallymark_tls_failures_total{result_type="certificate-expired"} 2"#,
        r#"tallymark_reread_messages_total{outcome="report"} 1"#,
        r#"tallymark_provenance_total{verdict="pass"} 1"#,
        "tallymark_provenance_seconds_count 1",
        "tallymark_provenance_dns_questions_total 7",
        r#"tallymark_job_runs_total{job="purge",outcome="failed"} 1"#,
        r#"tallymark_job_run_seconds_count{job="purge"} 1"#,
        r#"tallymark_job_held{job="purge"} 1"#,
        r#"tallymark_names_files_total{file="networks",outcome="refused"} 1"#,
        "tallymark_networks_data_at_seconds 1760000000",
        "tallymark_queue_depth 3",
        "tallymark_batch_messages_count 1",
        r#"tallymark_feed_up{feed="inbox"} 1"#,
        r#"tallymark_feed_read_at_seconds{feed="inbox"} 1760000000"#,
        r#"tallymark_feed_messages_total{feed="inbox",outcome="taken"} 1"#,
        r#"tallymark_feed_failures_total{feed="inbox",reason="login_refused"} 1"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}\n{text}");
    }
}
