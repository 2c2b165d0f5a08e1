//! The tree's files, and Rust text without what is not code.

use std::fs;
use std::path::Path;

/// Every text file of the project, by its path from the top, sorted.
pub struct Tree {
    pub files: Vec<(String, String)>,
}

impl Tree {
    /// Reads it. Folders that hold no sources of ours are left out.
    pub fn read() -> Self {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files = Vec::new();
        for entry in ["src", "tests", "benches", "migrations", "fuzz"] {
            walk(&top.join(entry), top, &mut files);
        }
        files.sort();
        Self { files }
    }
}

fn walk(path: &Path, top: &Path, files: &mut Vec<(String, String)>) {
    // Not every folder need be there.
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, top, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "sql")
        {
            let name = path.strip_prefix(top).unwrap().display().to_string();
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The code of a Rust text: comments and the insides of texts and characters are blanks, lines stay where they are.
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = at + other_than_code(&bytes[at..], code.last().copied());
        if end == at {
            code.push(bytes[at]);
            at += 1;
            continue;
        }
        code.extend(
            bytes[at..end]
                .iter()
                .map(|&byte| if byte == b'\n' { b'\n' } else { b' ' }),
        );
        at = end;
    }
    String::from_utf8(code).expect("only whole comments and texts were replaced, by blanks")
}

/// The comments of a Rust text, and its literals; lines stay where they are. A literal that goes on over lines is one line.
pub fn literals(text: &str) -> (String, String) {
    let bytes = text.as_bytes();
    let (mut comments, mut texts) = (String::new(), String::new());
    let (mut at, mut before) = (0, None);
    while at < bytes.len() {
        let length = other_than_code(&bytes[at..], before);
        if length == 0 {
            before = Some(bytes[at]);
            if bytes[at] == b'\n' {
                comments.push('\n');
                texts.push('\n');
            }
            at += 1;
            // A character of several bytes is passed over as a whole.
            while !text.is_char_boundary(at) {
                at += 1;
            }
            continue;
        }
        let part = &text[at..at + length];
        before = Some(b' ');
        at += length;
        let is_comment = part.starts_with("//") || part.starts_with("/*");
        let (this, other) = match is_comment {
            true => (&mut comments, &mut texts),
            false => (&mut texts, &mut comments),
        };
        if is_comment {
            this.push_str(part.trim_start_matches(['/', '!', '*']));
        } else {
            // Two texts next to each other are two sentences.
            this.push_str(&part.replace("\\n", ". ").replace("\\\n", " ").replace('\n', ". "));
            this.push_str(" . ");
            this.push_str(&"\n".repeat(part.matches('\n').count()));
        }
        other.push_str(&"\n".repeat(part.matches('\n').count()));
    }
    (comments, texts)
}

/// A Rust text up to its module of tests, which is the last thing in it.
pub fn outside_tests(text: &str) -> String {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// As [`code`], and without test modules: `#[cfg(test)]` and the item after it.
pub fn code_outside_tests(text: &str) -> String {
    let mut code = code(text);
    while let Some(start) = code.find("#[cfg(test)]") {
        let rest = &code[start..];
        let (brace, semicolon) = (rest.find('{'), rest.find(';'));
        let end = match (brace, semicolon) {
            (Some(brace), semicolon) if semicolon.is_none_or(|semicolon| brace < semicolon) => block_end(rest, brace),
            (_, Some(semicolon)) => semicolon + 1,
            _ => rest.len(),
        };
        let blank: String = rest[..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        code.replace_range(start..start + end, &blank);
    }
    code
}

/// The line of a byte, counted from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Where `word` stands in `code` as a whole word.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let bytes = code.as_bytes();
        !is_part(at.checked_sub(1).and_then(|before| bytes.get(before))) && !is_part(bytes.get(at + word.len()))
    })
}

fn block_end(text: &str, brace: usize) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < brace) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

/// The length of the comment, text or character that begins here; 0 if code does.
fn other_than_code(rest: &[u8], before: Option<u8>) -> usize {
    if rest.starts_with(b"//") {
        return rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        let end = rest.windows(2).position(|two| two == b"*/");
        return end.map_or(rest.len(), |end| end + 2);
    }
    if before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'_') {
        let prefix = rest
            .iter()
            .take_while(|byte| matches!(byte, b'b' | b'c' | b'r'))
            .count();
        let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
        if prefix > 0 && rest[prefix - 1] == b'r' && rest.get(prefix + hashes) == Some(&b'"') {
            let close = [&b"\""[..], &b"#".repeat(hashes)].concat();
            let inside = prefix + hashes + 1;
            let end = rest[inside..].windows(close.len()).position(|window| window == close);
            return end.map_or(rest.len(), |end| inside + end + close.len());
        }
    }
    match rest {
        [b'"', ..] => quoted(rest, b'"'),
        // A lifetime has no second quote where a character has one.
        [b'\'', b'\\', ..] => quoted(rest, b'\''),
        [b'\'', ..] => {
            let width = std::str::from_utf8(&rest[1..rest.len().min(5)])
                .map_or_else(|error| std::str::from_utf8(&rest[1..1 + error.valid_up_to()]), Ok)
                .ok()
                .and_then(|text| text.chars().next())
                .map_or(1, char::len_utf8);
            if rest.get(1 + width) == Some(&b'\'') {
                width + 2
            } else {
                0
            }
        }
        _ => 0,
    }
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

#[test]
fn code_has_no_comments_and_no_texts() {
    for (text, expect) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b\n */ c", "a     \n    c"),
        ("f(\"x // y\") // z", "f(        )     "),
        ("f(\"\\\"x\"); g", "f(     ); g"),
        ("r#\"a\"b\"#; c", "        ; c"),
        ("br\"a\"; c", "     ; c"),
        ("'\"'; x", "   ; x"),
        ("'\\''; x", "    ; x"),
        ("'é'; x", "    ; x"),
        ("f::<'a>(\"\")", "f::<'a>(  )"),
    ] {
        assert_eq!(code(text), expect, "{text}");
    }
}

#[test]
fn comments_and_texts_are_found_and_stay_on_their_lines() {
    for (text, comments, texts) in [
        ("a // b\nc(\"d\")", " b\n", "\n\"d\" . "),
        ("/// e\nf(r#\"g\"#, 'h')", " e\n", "\nr#\"g\"# . 'h' . "),
        ("x(\"i // j\") // k", " k", "\"i // j\" . "),
        ("x(\"é\", y) /* l */", " l */", "\"é\" . "),
    ] {
        assert_eq!(literals(text), (comments.to_owned(), texts.to_owned()), "{text}");
    }
    let text = "a(\"b \\\n  c\") // d";
    assert_eq!(literals(text).1.matches('\n').count(), 1);
    assert_eq!(outside_tests("a\n#[cfg(test)]\nmod tests {\n}"), "a\n");
}

#[test]
fn tests_are_no_code_of_the_program() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { x() }\n}\nfn c() {}\n#[cfg(test)]\nmod d;\nfn e() {}";
    let code = code_outside_tests(text);
    assert_eq!(
        code.split_whitespace().collect::<Vec<_>>(),
        ["fn", "a()", "{}", "fn", "c()", "{}", "fn", "e()", "{}"]
    );
    assert_eq!(code.lines().count(), text.lines().count());
}
