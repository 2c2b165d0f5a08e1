//! Mailboxes behind an API: Microsoft Graph and Gmail, each spoken by a server of the tests with the shapes of its answers. What
//! holds for one holds for the other.

mod gmail;
mod graph;
mod server;

use std::time::Duration;

use self::gmail::Gmail;
use self::graph::Graph;
use self::server::{Mailbox, Server};
use super::proxy::{Point, Proxy};
use super::{Home, Tallymark, broken_mail, other_mail, quarantined, report_mail, sum, until_or, verify};

const MAILS: u32 = 5;

struct Test<M> {
    server: Server<M>,
    proxy: Proxy,
    home: Home,
}

/// A mailbox and the program's settings for it, with a proxy between them.
fn mailbox<M: Mailbox>(more: &str) -> Test<M> {
    let server = Server::<M>::start();
    let proxy = Proxy::start(server.port);
    let home = Home::new();
    home.file("secret", "s&cret\n");
    let (list, port) = (M::LIST, proxy.port);
    let api = M::ROOT.trim_end_matches("/users/");
    home.file(
        "t.toml",
        format!(
            "[[{list}]]\nname = \"box\"\napi_url = \"http://127.0.0.1:{port}{api}\"\n\
             oauth_token_url = \"http://localhost:{port}/token\"\noauth_client_id = \"client\"\n\
             oauth_client_secret_file = \"secret\"\nadd_domains = true\npoll_seconds = 1\n{}{more}",
            M::SETTINGS
        ),
    );
    Test { server, proxy, home }
}

impl<M: Mailbox> Test<M> {
    fn deliver(&self, content: &str) {
        self.server.with(|mailbox| mailbox.deliver(content));
    }

    fn start(&self) -> Tallymark {
        Tallymark::start(self.home.path())
    }

    /// Waits until this number of mails is left, and the mailbox was read to its end afterwards.
    fn until_left(&self, tallymark: &Tallymark, left: usize) {
        let is_left = || self.server.contents("read").len() == left;
        until_or(
            || {
                format!(
                    "{left} are left: {} {}",
                    self.server.contents("read").len(),
                    tallymark.log()
                )
            },
            is_left,
        );
        let reads = || tallymark.metric("tallymark_feed_read_at_seconds{feed=\"box\"}");
        until_or(
            || format!("it is read to its end: {}", tallymark.log()),
            || reads() > 0 && tallymark.source("box")["condition"] == "reading",
        );
    }

    fn asked(&self, part: &str) -> usize {
        self.proxy.lines(part).len()
    }

    /// Waits until it was asked for what is new, once more.
    fn until_asked_again(&self, part: &str) {
        let before = self.asked(part);
        until_or(|| format!("{part} is asked again"), || self.asked(part) > before);
    }
}

fn reports(numbers: std::ops::Range<u32>) -> Vec<String> {
    let mut mails: Vec<_> = numbers.map(report_mail).collect();
    mails.sort();
    mails
}

/// What stands in the first line of requests.
struct Words {
    /// All mail is listed.
    all: &'static str,
    /// Changes are listed.
    changes: &'static str,
    /// Another page.
    page: &'static str,
    /// A message is fetched.
    fetch: &'static str,
    /// A message is put away.
    put_away: &'static str,
}

const GRAPH: Words = Words {
    all: "messages/delta?$select=id",
    changes: "$deltatoken=",
    page: "$skiptoken=",
    fetch: "/$value",
    put_away: "/move",
};
const GMAIL: Words = Words {
    all: "messages?labelIds=",
    changes: "history?startHistoryId=",
    page: "pageToken=",
    fetch: "format=raw",
    put_away: "/modify",
};

fn mixed_mail<M: Mailbox>(words: &Words) {
    let test = mailbox::<M>("[limits]\nmessage_bytes_max = 20000\n");
    for nth in 0..10 {
        test.deliver(&report_mail(nth));
    }
    test.deliver(&other_mail(0));
    test.deliver(&broken_mail(0));
    test.deliver(&format!("Subject: large\r\n\r\n{}", "x".repeat(30_000)));
    let tallymark = test.start();
    test.until_left(&tallymark, 1);
    // New mail is among the changes: all mail is not listed again.
    test.deliver(&report_mail(10));
    test.deliver(&other_mail(1));
    test.until_left(&tallymark, 2);
    test.until_asked_again(words.changes);
    test.until_asked_again(words.changes);
    assert!(test.asked(words.page) > 0);
    let first_page = |line: &String| line.contains(words.all) && !line.contains(words.page);
    assert_eq!(
        test.proxy
            .lines("GET")
            .iter()
            .filter(|(line, _)| first_page(line))
            .count(),
        1
    );
    assert_eq!(
        tallymark.metric("tallymark_feed_messages_total{feed=\"box\",outcome=\"taken\"}"),
        11
    );
    let log = tallymark.log();
    assert!(!log.contains("secret-token") && !log.contains("s&cret"), "{log}");
    tallymark.stop();
    // What was left is not fetched again, not even after a restart, when all mail is listed again.
    let fetched = test.asked(words.fetch);
    test.deliver(&report_mail(11));
    let tallymark = test.start();
    test.until_left(&tallymark, 2);
    tallymark.stop();
    assert_eq!(test.asked(words.fetch), fetched + 1);
    assert!(test.server.contents("processed") == reports(0..12));
    assert_eq!(test.server.contents("failed").len(), 2);
    verify(&test.home, 12, sum(0..12));
    assert_eq!(
        (
            quarantined(&test.home, "malformed_xml"),
            quarantined(&test.home, "message_too_large")
        ),
        (1, 1)
    );
}

#[test]
fn mail_of_an_api_is_taken_moved_and_left_alone() {
    mixed_mail::<Graph>(&GRAPH);
    mixed_mail::<Gmail>(&GMAIL);
}

fn killed_at_each_step<M: Mailbox>(words: &Words) {
    let test = mailbox::<M>("");
    let points = [
        Point::Before("POST /token"),
        Point::Before(words.all),
        Point::Inside(words.all, 100),
        Point::Before(words.page),
        Point::Before(words.fetch),
        Point::Inside(words.fetch, 300),
        // Committed, not put away; put away, not said.
        Point::Before(words.put_away),
        Point::Inside(words.put_away, 10),
        Point::Before(words.changes),
        Point::Inside(words.changes, 100),
    ];
    let mut rounds = 0;
    for point in &points {
        for nth in 0..MAILS {
            test.deliver(&report_mail(rounds * MAILS + nth));
        }
        test.deliver(&other_mail(rounds));
        test.deliver(&broken_mail(rounds));
        rounds += 1;
        let frozen = test.proxy.freeze(point.clone());
        let tallymark = test.start();
        let reached = frozen.recv_timeout(super::PATIENCE);
        assert!(reached.is_ok(), "{point:?} was not reached: {}", tallymark.log());
        tallymark.kill();
        test.proxy.cut();
    }
    let tallymark = test.start();
    test.until_left(&tallymark, rounds as usize);
    tallymark.stop();
    let all = rounds * MAILS;
    assert!(test.server.contents("processed") == reports(0..all), "each once");
    assert_eq!(test.server.contents("failed").len(), rounds as usize);
    verify(&test.home, all.into(), sum(0..all));
    assert_eq!(quarantined(&test.home, "malformed_xml"), rounds as usize);
}

#[test]
fn graph_killed_at_each_step_loses_nothing_and_counts_nothing_twice() {
    killed_at_each_step::<Graph>(&GRAPH);
}

#[test]
fn gmail_killed_at_each_step_loses_nothing_and_counts_nothing_twice() {
    killed_at_each_step::<Gmail>(&GMAIL);
}

fn others_meanwhile<M: Mailbox>(words: &Words) {
    let test = mailbox::<M>("");
    for nth in 0..4 {
        test.deliver(&report_mail(nth));
    }
    // The first is taken away before it is fetched, whichever it is; later one more before it is put away.
    let server = test.server.shared();
    test.proxy.before(words.fetch, move || {
        server.with(|mailbox| mailbox.take_away(&report_mail(0)))
    });
    let server = test.server.shared();
    test.proxy.before(words.put_away, move || {
        server.with(|mailbox| mailbox.take_away(&report_mail(3)))
    });
    let tallymark = test.start();
    test.until_left(&tallymark, 0);
    test.until_asked_again(words.changes);
    assert_eq!(test.proxy.interruptions_left(), 0);
    // Moved away and back between two looks; and how far it was is forgotten.
    test.server.with(|mailbox| {
        mailbox.deliver(&report_mail(4));
        mailbox.take_away(&report_mail(4));
        mailbox.put_back(&report_mail(4));
        mailbox.put_back(&report_mail(0));
    });
    test.until_left(&tallymark, 0);
    test.server.with(M::forget_changes);
    test.deliver(&report_mail(5));
    test.until_left(&tallymark, 0);
    assert!(
        tallymark.log().contains("listed from its beginning"),
        "{}",
        tallymark.log()
    );
    tallymark.stop();
    verify(&test.home, 6, sum(0..6));
}

#[test]
fn mail_of_an_api_that_others_move_meanwhile_is_counted_once() {
    others_meanwhile::<Graph>(&GRAPH);
    others_meanwhile::<Gmail>(&GMAIL);
}

#[test]
fn a_label_that_was_deleted_is_made_again() {
    let test = mailbox::<Gmail>("");
    test.deliver(&report_mail(0));
    let tallymark = test.start();
    test.until_left(&tallymark, 0);
    test.server.with(|mailbox| mailbox.delete_label("Done"));
    test.deliver(&report_mail(1));
    test.until_left(&tallymark, 0);
    tallymark.stop();
    assert_eq!(test.server.contents("processed"), [report_mail(1)]);
    verify(&test.home, 2, sum(0..2));
}

fn tokens_run_out<M: Mailbox>(words: &Words) {
    let test = mailbox::<M>("");
    test.deliver(&report_mail(0));
    let tallymark = test.start();
    test.until_left(&tallymark, 0);
    assert_eq!(test.server.tokens_given(), 1, "it is kept");
    test.server.revoke();
    test.deliver(&report_mail(1));
    test.until_left(&tallymark, 0);
    // Between commit and move as well.
    let server = test.server.shared();
    test.proxy.before(words.put_away, move || server.revoke());
    test.deliver(&report_mail(2));
    test.until_left(&tallymark, 0);
    assert_eq!(test.server.tokens_given(), 3);
    assert_eq!(
        tallymark.metric("tallymark_feed_failures_total{feed=\"box\",reason=\"login_refused\"}"),
        0
    );
    test.server.refuse(true);
    test.deliver(&report_mail(3));
    tallymark.fails("box", "login_refused");
    test.server.refuse(false);
    test.until_left(&tallymark, 0);
    tallymark.stop();
    verify(&test.home, 4, sum(0..4));
}

#[test]
fn a_token_that_runs_out_is_replaced() {
    tokens_run_out::<Graph>(&GRAPH);
    tokens_run_out::<Gmail>(&GMAIL);
}

fn throttled<M: Mailbox>(words: &Words) {
    let test = mailbox::<M>("");
    for nth in 0..4 {
        test.deliver(&report_mail(nth));
    }
    let answer = |status: u16, seconds: u32, reason: &str| {
        let body =
            format!("{{\"error\":{{\"code\":403,\"message\":\"slow\",\"errors\":[{{\"reason\":\"{reason}\"}}]}}}}");
        let length = body.len();
        format!("HTTP/1.1 {status} x\r\nRetry-After: {seconds}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    test.proxy.answer(words.all, answer(429, 3, ""));
    test.proxy.answer(words.fetch, answer(403, 1, "userRateLimitExceeded"));
    test.proxy.answer(words.put_away, answer(503, 1, ""));
    let tallymark = test.start();
    tallymark.fails("box", "throttled");
    test.until_left(&tallymark, 0);
    let lists = test.proxy.lines(words.all);
    assert!(
        lists[1].1.duration_since(lists[0].1) >= Duration::from_secs(3),
        "it did not wait"
    );
    assert_eq!(
        tallymark.metric("tallymark_feed_failures_total{feed=\"box\",reason=\"throttled\"}"),
        3
    );
    tallymark.stop();
    verify(&test.home, 4, sum(0..4));
    // One was asked for twice; what was committed was not fetched again for its move.
    assert_eq!(test.asked(words.fetch), 5);
}

#[test]
fn an_api_that_asks_for_patience_is_left_alone() {
    throttled::<Graph>(&GRAPH);
    throttled::<Gmail>(&GMAIL);
}

fn hostile<M: Mailbox>(words: &Words, poison: &'static str) {
    let test = mailbox::<M>("");
    for nth in 0..2 {
        test.deliver(&report_mail(nth));
    }
    let page = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    test.proxy.answer(words.all, page("<html>sign in</html>"));
    test.proxy.answer(
        words.all,
        page("{\"value\":[{\"id\":\"a b\"}],\"messages\":[{\"id\":\"\\u0000\"}]}"),
    );
    let tallymark = test.start();
    tallymark.fails("box", "bad_answer");
    // One message cannot be fetched, ever: it costs a note, and nothing else.
    let broken = "HTTP/1.1 500 x\r\nContent-Length: 2\r\n\r\n{}";
    for _ in 0..3 {
        test.proxy.answer(poison, broken.to_owned());
    }
    test.until_left(&tallymark, 0);
    tallymark.stop();
    verify(&test.home, 1, sum(0..1));
    assert_eq!(quarantined(&test.home, "unfetchable"), 1);
    assert_eq!(test.server.contents("failed"), [report_mail(1)]);
}

#[test]
fn an_api_of_nonsense_is_named_and_a_message_that_it_cannot_give_is_noted() {
    hostile::<Graph>(&GRAPH, "%2F2%2BAAA%3D/$value");
    hostile::<Gmail>(&GMAIL, "18c0000000000002?format=raw");
}

/// Over the first mail the server closes the connection, whatever else is there.
fn closed_over_one<M: Mailbox>(poison: &'static str, others: u32) {
    let test = mailbox::<M>("");
    (0..=others).for_each(|nth| test.deliver(&report_mail(nth)));
    for _ in 0..50 {
        test.proxy.answer(poison, String::new());
    }
    let tallymark = test.start();
    test.until_left(&tallymark, 1);
    let put_off = || tallymark.source("box")["put_off"] == 1;
    until_or(|| format!("it is left alone: {}", tallymark.log()), put_off);
    assert_eq!(tallymark.metric("tallymark_feed_put_off{feed=\"box\"}"), 1);
    assert_eq!(test.proxy.interruptions_left(), 47, "it was tried three times");
    // What comes later is not kept back either.
    test.deliver(&report_mail(9));
    test.until_left(&tallymark, 1);
    assert_eq!(test.proxy.interruptions_left(), 47);
    tallymark.stop();
    let taken = others.saturating_add(1);
    verify(&test.home, taken.into(), sum((1..=others).chain([9])));
    assert_eq!(quarantined(&test.home, "unfetchable"), 0);
}

#[test]
fn a_mail_over_which_a_server_closes_the_connection_keeps_no_other_back() {
    closed_over_one::<Graph>("%2F1%2BAAA%3D/$value", 0);
    closed_over_one::<Gmail>("18c0000000000001?format=raw", 3);
}

#[test]
fn a_token_is_not_sent_where_a_link_leads() {
    let test = mailbox::<Graph>("");
    test.deliver(&report_mail(0));
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let link = format!("http://{}/v1.0/next", elsewhere.local_addr().unwrap());
    let body = format!("{{\"value\":[],\"@odata.nextLink\":\"{link}\"}}");
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    test.proxy.answer(GRAPH.all, answer);
    let tallymark = test.start();
    tallymark.fails("box", "bad_answer");
    assert!(tallymark.log().contains("where no token may go"), "{}", tallymark.log());
    test.until_left(&tallymark, 0);
    tallymark.stop();
    let refused = elsewhere.accept().unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock, "it was connected to");
    verify(&test.home, 1, sum(0..1));
}
