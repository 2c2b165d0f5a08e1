//! What mails say, and the links in them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::http::{Ask, TestApp};

/// Where links in mails lead.
pub const PAGE: &str = "https://tally.example/";

/// A header field of a mail, unfolded.
pub fn field(mail: &str, name: &str) -> String {
    let (head, _) = mail.split_once("\n\n").unwrap();
    let head = head.replace("\n ", " ").replace("\n\t", " ");
    let prefix = format!("{name}: ");
    let found = head.lines().find_map(|line| line.strip_prefix(&prefix));
    found.unwrap_or_else(|| panic!("{name} in {head}")).to_owned()
}

/// The text and the HTML of a mail.
pub fn parts(mail: &str) -> [String; 2] {
    let mut parts = mail.split("--=_tallymark_=\n").skip(1);
    [(); 2].map(|()| {
        let (_, body) = parts.next().unwrap().split_once("\n\n").unwrap();
        let digits: String = body.lines().take_while(|line| !line.starts_with("--")).collect();
        String::from_utf8(BASE64_STANDARD.decode(digits).unwrap()).unwrap()
    })
}

/// The path of the link in a text that leads there.
pub fn link(text: &str, to: &str) -> String {
    let begin = text
        .find(&format!("{PAGE}{to}/"))
        .unwrap_or_else(|| panic!("{to} in {text}"));
    let link = text[begin..]
        .split(|c: char| c.is_whitespace() || c == '>')
        .next()
        .unwrap();
    format!("/{}", link.strip_prefix(PAGE).unwrap())
}

/// The reader of the only mail follows its link.
pub async fn agree(app: &TestApp, mail: &str) {
    let path = link(&parts(mail)[0], "confirm");
    // A program that looks at links in advance.
    let page = app.send(Ask::new("GET", &path)).await;
    assert!(page.status == 200 && page.text().contains("Yes, send them"), "{page:?}");
    let done = app.send(Ask::new("POST", &path)).await;
    assert!(done.status == 200 && done.text().contains("Done."), "{done:?}");
}
