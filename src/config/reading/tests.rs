//! What is wrong with settings is named with its place.

use super::*;
use crate::config::LogFormat;

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::read(Path::new("t.toml"), text, [])
}

fn overlaid(text: &str, variable: &str, value: &str) -> Result<Config, ConfigError> {
    Config::read(Path::new("t.toml"), text, [(variable.to_owned(), value.to_owned())])
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(toml::Table::try_from(read("").unwrap()).unwrap(), default_table());
}

#[test]
fn a_section_may_be_below_another() {
    let mail = read("[outbound]\nports = [25]\n[outbound.mail]\nhost = \"a.example\"\nfrom = \"me@a.example\"\n");
    let config = overlaid("", "TALLYMARK__OUTBOUND__MAIL__FROM", "me@a.example");
    assert_eq!(mail.unwrap().outbound.mail.host, "a.example");
    let error = config.unwrap_err().to_string();
    assert!(error.contains("outbound.mail.host is missing"), "{error}");
    let check = |text: &str, expect: &str| assert_eq!(read(text).unwrap_err().to_string(), expect);
    check(
        "[outbound.mail]\nhots = \"a.example\"\n",
        "t.toml:2: there is no setting outbound.mail.hots: did you mean outbound.mail.host?",
    );
    check(
        "[outbound.mail]\nhost = \"a.example\"\ntls = \"plain\"\nuser = \"u\"\npassword_file = \"p\"\nfrom = \"me@a.example\"\n",
        "t.toml:3: outbound.mail.tls must not be plain with a user: anyone on the way could read the password",
    );
    check(
        "[outbound.mail]\nhost = \"a.example\"\nfrom = \"a\\r\\nb@c.example\"\n",
        "t.toml:3: outbound.mail.from must be a plain address, as in alerts@example.com",
    );
    check(
        "[outbound]\nmail = 3\n",
        "t.toml:2: outbound.mail: invalid type: integer `3`, expected a table of settings",
    );
}

#[test]
fn an_unknown_key_names_file_line_and_nearest() {
    let check = |text: &str, expect: &str| assert_eq!(read(text).unwrap_err().to_string(), expect);
    check(
        "[http]\n\nlisten_on = \"[::1]:80\"\n",
        "t.toml:3: there is no setting http.listen_on: did you mean http.listen?",
    );
    check(
        "[htttp]\nlisten = \"[::1]:80\"\n",
        "t.toml:1: there is no setting htttp: did you mean http?",
    );
    check(
        "listen = \"[::1]:80\"\n",
        "t.toml:1: there is no setting listen: did you mean http.listen?",
    );
    check(
        "[http]\nzzz = 1\n",
        "t.toml:2: there is no setting http.zzz; `tallymark config example` lists all",
    );
}

#[test]
fn a_list_is_read_and_its_entries_are_checked() {
    let two = "[[folder]]\nname = \"a\"\npath = \"/a\"\n[[folder]]\nname = \"b\"\npath = \"/b\"\n";
    let config = read(two).unwrap();
    assert_eq!(config.folder.len(), 2);
    assert_eq!(
        (&*config.folder[1].entry.name, config.folder[1].entry.poll.as_secs()),
        ("b", 10)
    );
    let check = |text: &str, expect: &str| assert_eq!(read(text).unwrap_err().to_string(), expect);
    check(
        "[[imap]]\nname = \"a\"\n\nhots = \"b\"\n",
        "t.toml:4: there is no setting imap.hots: did you mean imap.host?",
    );
    check("[http]\n[[folder]]\n", "t.toml:2: each [[folder]] needs a name");
    check(
        &two.replace("\"b\"", "\"a\""),
        "t.toml:4: there is another feed named a",
    );
    check("[[folder]]\nname = \"a\"\n", "t.toml:1: a: path is missing");
    check(&two.replace("/b", "/a"), "t.toml:4: b: a reads /a already");
    let mailbox = |name: &str, host: &str, folder: &str| {
        format!(
            "[[imap]]\nname = \"{name}\"\nhost = \"{host}\"\nuser = \"u\"\nfolder = \"{folder}\"\npassword_file = \"p\"\n"
        )
    };
    read(&(mailbox("a", "h", "f") + &mailbox("b", "h", "g"))).unwrap();
    check(
        &(mailbox("a", "h", "f") + &mailbox("b", "H", "f")),
        "t.toml:7: b: a reads f of u at h already",
    );
    let imap = |more: &str| {
        let text = format!("[[imap]]\nname = \"a\"\nhost = \"h\"\nuser = \"u\"\n{more}");
        read(&text).map_or_else(|error| error.to_string(), |_| String::new())
    };
    assert_eq!(imap("password_file = \"p\"\nsince = \"2026-01-31\"\n"), "");
    for (more, expect) in [
        ("", "t.toml:1: a: password_file is missing"),
        (
            "password_file = \"p\"\nsince = \"May\"\n",
            "t.toml:1: a: since is a day such as",
        ),
        (
            "password_file = \"p\"\nprocessed_folder = \"INBOX\"\n",
            "t.toml:1: a: mail cannot go to",
        ),
        (
            "password_file = \"p\"\nfolder = \"a\\r\\nb\"\n",
            "t.toml:1: a: a name must not contain a line break",
        ),
        (
            "auth = \"xoauth2\"\noauth_token_url = \"http://a\"\n",
            "t.toml:1: a: oauth_token_url must begin",
        ),
    ] {
        assert!(imap(more).starts_with(expect), "{more}: {}", imap(more));
    }
    let error = overlaid("", "TALLYMARK__IMAP__HOST", "x").unwrap_err().to_string();
    assert!(error.contains("they are set in the file"), "{error}");
}

#[test]
fn a_wrong_value_names_file_and_line() {
    let error = read("[http]\n\nrate_burst = \"many\"\n").unwrap_err().to_string();
    assert!(error.starts_with("t.toml:3: http.rate_burst: invalid type"), "{error}");
    let error = read("[http\n").unwrap_err().to_string();
    assert!(error.starts_with("t.toml:1: "), "{error}");
}

#[test]
fn a_wrong_value_names_its_setting_wherever_it_stands() {
    for (text, place) in [
        (
            "[http]\nlisten = [\"127.0.0.1:80\"]\n",
            "t.toml:2: http.listen: invalid type: sequence",
        ),
        ("http = 3\n", "t.toml:1: http: invalid type"),
        ("http.listen = 3\n", "t.toml:1: http.listen: "),
        ("http = { rate_burst = true }\n", "t.toml:1: http.rate_burst: "),
        ("[http]\nrate_burst = -1\n", "t.toml:2: http.rate_burst: "),
        ("[log]\nformat = \"xml\"\n", "t.toml:2: log.format: "),
        (
            "[domains]\nrequired = [\n  \"dmarc\",\n  \"dmark\",\n]\n",
            "t.toml:4: domains.required: ",
        ),
        ("[[folder]]\nname = \"a\"\npath = 3\n", "t.toml:3: folder.path: "),
        (
            "[[imap]]\nname = \"a\"\n[[imap]]\nport = \"x\"\n",
            "t.toml:4: imap.port: ",
        ),
        ("[installation]\nregions = 3\n", "t.toml:2: installation.regions: "),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(place), "{text}: {error}");
        let named = place.split(": ").nth(1).unwrap();
        assert_eq!(error.matches(named).count(), 1, "{error}");
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let config = overlaid("[http]\nrate_burst = 7\n", "TALLYMARK__HTTP__RATE_BURST", "9").unwrap();
    assert_eq!(config.http.rate.burst, 9);
    let config = overlaid("", "TALLYMARK__HTTP__LISTEN", "[::1]:81").unwrap();
    assert_eq!(config.http.listen, "[::1]:81".parse().unwrap());
    let config = overlaid("", "TALLYMARK__LOG__FORMAT", "json").unwrap();
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn a_wrong_variable_is_named() {
    let check = |variable: &str, value: &str, expect: &str| {
        let error = overlaid("", variable, value).unwrap_err().to_string();
        assert!(error.starts_with(expect), "{error}");
    };
    check(
        "TALLYMARK__HTTP__LISTN",
        "x",
        "environment variable TALLYMARK__HTTP__LISTN: there is no such setting: did you mean TALLYMARK__HTTP__LISTEN?",
    );
    check(
        "TALLYMARK__HTTP__LISTEN",
        "x",
        "environment variable TALLYMARK__HTTP__LISTEN: ",
    );
    check(
        "TALLYMARK__HTTP__RATE_BURST",
        "-1",
        "environment variable TALLYMARK__HTTP__RATE_BURST: ",
    );
    check(
        "TALLYMARK__HTTP__RATE_BURST",
        "a lot",
        "environment variable TALLYMARK__HTTP__RATE_BURST: ",
    );
}

#[test]
fn mailboxes_behind_apis_and_buckets_are_checked() {
    let said = |text: &str| read(text).map_or_else(|error| error.to_string(), |_| String::new());
    let oauth = "oauth_token_url = \"https://t\"\noauth_client_id = \"c\"\noauth_client_secret_file = \"s\"\n";
    let graph = format!("[[graph]]\nname = \"a\"\nuser = \"u@x\"\n{oauth}");
    let gmail = format!("[[gmail]]\nname = \"a\"\n{oauth}");
    let s3 = "[[s3]]\nname = \"a\"\nendpoint = \"https://s3.x\"\nbucket = \"b\"\nprefix = \"in/\"\ncredentials_file = \"k\"\n";
    for good in [&*graph, &gmail, s3, &s3.replace("https:", "http:")] {
        assert_eq!(said(good), "");
    }
    let plain = "oauth_token_url = \"http://127.0.0.1:1/t\"\napi_url = \"http://localhost/v1\"\n";
    assert_eq!(
        said(&graph.replace("oauth_token_url = \"https://t\"\n", plain)),
        "",
        "this machine"
    );
    for (text, expect) in [
        (graph.replace("u@x", ""), "a: user is missing"),
        (
            format!("{graph}api_url = \"http://graph.x\"\n"),
            "a: api_url must begin with https://",
        ),
        (
            gmail.replace("https://t", "http://t"),
            "a: oauth_token_url must begin with https://",
        ),
        (
            format!("{graph}processed_folder = \"Inbox\"\n"),
            "a: mail cannot go to where it is read from",
        ),
        (
            format!("{graph}folder = \"a//b\"\n"),
            "a: folder has names with one slash between them",
        ),
        (
            format!("{gmail}failed_label = \"a\\nb\"\n"),
            "a: a name must not contain a line break",
        ),
        (s3.replace("\"k\"", "\"\""), "a: credentials_file is missing"),
        (s3.replace("s3.x", "s3.x/b"), "a: endpoint must not have a path"),
        (s3.replace("\"b\"", "\"b/c\""), "a: bucket has characters"),
        (
            format!("{s3}processed_prefix = \"in/done/\"\n"),
            "a: objects cannot go to where they are read from",
        ),
        (
            format!("{s3}{}", s3.replace("\"a\"", "\"b\"").replace("in/", "in/deep/")),
            "b: s3://b/in/deep/ is inside",
        ),
        (
            format!(
                "{s3}failed_prefix = \"c/1\"\n{}failed_prefix = \"in/\"\n",
                s3.replace("\"a\"", "\"b\"").replace("in/", "c/")
            ),
            "b: mail would go in a circle, by way of a",
        ),
    ] {
        let said = said(&text);
        assert!(
            said.split_once(": ").is_some_and(|(_, said)| said.starts_with(expect)),
            "{text}\n{said}"
        );
    }
}
