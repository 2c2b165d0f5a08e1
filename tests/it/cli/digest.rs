//! `tallymark digest`: the same in three forms.

use serde_json::Value;

use super::senders::home;
use super::{fails, stdout};

#[test]
fn a_digest_is_printed_as_text_html_and_json() {
    let home = home();
    let run = |more: &[&str]| stdout(&home.run(&[&["digest", "example.com"][..], more].concat()).success());
    let data: Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    let (from, to) = (data["from"].as_str().unwrap(), data["to"].as_str().unwrap());
    let title = format!("DMARC of example.com, {from} to {to}");
    let text = run(&[]);
    assert!(
        text.starts_with(&format!("{title}\n\n{}\n\n", data["says"].as_str().unwrap())),
        "{text}"
    );
    assert!(!text.contains('\u{202e}') && text.ends_with('\n'), "{text}");
    let html = run(&["--format", "html"]);
    assert!(
        html.starts_with("<!DOCTYPE html>") && html.contains(&format!("<title>{title}</title>")),
        "{html}"
    );
    assert!(!html.contains("src=") && !html.contains("url("), "{html}");
    let monthly: Value = serde_json::from_str(&run(&["--format", "json", "--period", "monthly"])).unwrap();
    assert_eq!(
        (&monthly["period"], &monthly["from"].as_str().unwrap()[8..]),
        (&Value::from("monthly"), "01")
    );
    fails(&home, &["digest", "example.net"], 1, "example.net");
}
