//! HTML of mail: fits a phone, is readable in light and dark, and loads nothing from anywhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Readers that know `prefers-color-scheme` show it dark where the device is; all others show it light.
const STYLE: &str = "\
:root{color-scheme:light dark;supported-color-schemes:light dark}\
body{margin:0;padding:16px;background:#f4f5f7;color:#1c2430;\
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;-webkit-text-size-adjust:100%}\
.card{max-width:600px;margin:0 auto;padding:20px;background:#fff;border:1px solid #d9dde3;border-radius:8px;\
overflow-wrap:anywhere;word-break:break-word}\
h1{font-size:20px;line-height:1.3;margin:0 0 12px}h2{font-size:17px;line-height:1.3;margin:24px 0 8px}\
h3{font-size:16px;margin:16px 0 4px}p{margin:0 0 12px}ul{margin:0 0 12px;padding-left:20px}li{margin:0 0 6px}\
table{border-collapse:collapse;width:100%;margin:0 0 12px}th,td{text-align:left;padding:4px 8px 4px 0;vertical-align:top}\
td.n,th.n{text-align:right;padding-right:0;white-space:nowrap;font-variant-numeric:tabular-nums}\
a{color:#0b57c2}.go{display:inline-block;padding:10px 16px;background:#0b57c2;color:#fff;border-radius:6px;text-decoration:none}\
.small{font-size:13px;color:#56606e}.good{color:#11692f}.bad{color:#a8201a}\
.foot{max-width:600px;margin:12px auto 0;font-size:13px;color:#56606e;overflow-wrap:anywhere}\
@media (prefers-color-scheme:dark){body{background:#12161c;color:#e6e9ee}.card{background:#1b212a;border-color:#343d4a}\
a{color:#8ab8ff}.go{background:#2f6fd0;color:#fff}.small,.foot{color:#a3adba}.good{color:#7fd69a}.bad{color:#ff9d94}}";

/// What a mail says, without what is under it.
pub(super) struct Mail {
    pub subject: String,
    pub text: String,
    pub content: Markup,
}

/// A whole document with what is under it.
pub(super) fn document(title: &str, content: &Markup, foot: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="supported-color-schemes" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                div .card { (content) }
                div .foot { (foot) }
            }
        }
    };
    page.into_string()
}

/// A link that looks like a button.
pub(super) fn button(link: &str, words: &str) -> Markup {
    html! { p { a .go href=(link) { (words) } } }
}
