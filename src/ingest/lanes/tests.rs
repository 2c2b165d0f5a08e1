//! What is small never waits for what is large: without a clock that runs, and with gates instead of large messages.

use std::sync::Condvar;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::base::AccountId;
use crate::ingest::arrived::{How, RawMessage};
use crate::ingest::read::reader;
use crate::store::{Belonging, FreshDomain, MessageRoom, Outcome, Provenance};
use crate::unpack::Context;

/// Where the reading of messages stops until it is let through.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<GateState>, Condvar)>);

#[derive(Default)]
struct GateState {
    is_open: bool,
    waiting: usize,
}

impl Gate {
    fn pass(&self) {
        let mut state = lock(&self.0.0);
        state.waiting += 1;
        self.0.1.notify_all();
        while !state.is_open {
            state = self.0.1.wait(state).unwrap();
        }
    }

    /// Waits until `waiting` messages stand at it.
    fn until(&self, waiting: usize) {
        let mut state = lock(&self.0.0);
        while state.waiting < waiting {
            state = self.0.1.wait(state).unwrap();
        }
    }

    fn open(&self) {
        lock(&self.0.0).is_open = true;
        self.0.1.notify_all();
    }
}

/// A message whose bytes say what is done with it: `small`, `large` (stops at the gate when it is in the slow lane, else is
/// given back), `stuck` (stops at the gate before the watch looks), `panic`.
struct Lab {
    parser: Parser,
    slow: UnboundedReceiver<Slow>,
    gate: Gate,
    clock: Clock,
}

impl Lab {
    fn new(slow: SlowOptions, threads: usize) -> Self {
        let mut options = IntakeOptions::new(|| FreshDomain {
            public_id: String::new(),
            rua_token: String::new(),
        });
        (options.settings.slow, options.settings.threads) = (slow, threads);
        let (clock, gate) = (Clock::fixed(0), Gate::default());
        let at = gate.clone();
        let read = move |message: Arrived, watch: &Watch<'_>| {
            let bytes = &message.raw.bytes;
            match &bytes[..5] {
                b"large" => {
                    let mut unpacked = 0;
                    while !watch.ask(bytes, unpacked) && matches!(*watch.place.borrow(), Place::Fast) {
                        unpacked += 64 << 10;
                    }
                    if watch.is_dropped() {
                        return Err(Box::new(message));
                    }
                    at.pass();
                }
                b"panic" => panic!("as it was told to"),
                _ => {}
            }
            Ok(message_of(message))
        };
        let (parser, slow) = Parser::start(clock.clone(), Metrics::new(), &options, Box::new(read));
        Self {
            parser,
            slow,
            gate,
            clock,
        }
    }

    /// A thread notes that it is idle after it has handed over what it read.
    fn wait_until_idle(&self) {
        while !self.parser.is_idle() {
            std::thread::yield_now();
        }
    }

    fn with_seats(seats: usize) -> Self {
        let slow = SlowOptions {
            seats,
            ..SlowOptions::default()
        };
        Self::new(slow, 1)
    }

    fn parse(
        &self,
        texts: &[&str],
    ) -> (
        oneshot::Receiver<Ready>,
        Vec<oneshot::Receiver<Result<Outcome, IntakeError>>>,
    ) {
        let (jobs, answers) = texts.iter().map(|text| job(text, None)).unzip();
        (self.parser.parse(jobs, 0), answers)
    }
}

fn message_of(message: Arrived) -> NewMessage {
    NewMessage {
        belonging: message.raw.belonging,
        digest: [0; 16],
        bytes: message.raw.bytes.into(),
        received_at: 0,
        origin: String::new(),
        provenance: None,
        reports: Vec::new(),
        tls_reports: Vec::new(),
        failure: None,
        problems: Vec::new(),
        other: None,
        replay: None,
        room: MessageRoom::default(),
    }
}

fn job(text: &str, provenance: Option<Provenance>) -> (Job, oneshot::Receiver<Result<Outcome, IntakeError>>) {
    let (answer, answered) = oneshot::channel();
    let askers = Askers::one(answer);
    let raw = RawMessage {
        bytes: text.as_bytes().to_vec(),
        received_at: 0,
        origin: String::new(),
        belonging: Belonging::Account(AccountId(1)),
        envelope: None,
    };
    let how = How::Keep(Context::File);
    let message = Arrived {
        raw,
        provenance,
        how,
        spent: Duration::ZERO,
    };
    (Job { message, askers }, answered)
}

fn texts(ready: &Ready) -> Vec<String> {
    let texts = ready
        .messages
        .iter()
        .map(|message| String::from_utf8_lossy(message.bytes.stored()).into_owned());
    texts.collect()
}

#[test]
fn small_messages_do_not_wait_for_large_ones() {
    let mut lab = Lab::with_seats(1);
    // The large one is first: the longest.
    let (ready, _answers) = lab.parse(&["small 1", "large and long", "small 2"]);
    lab.gate.until(1);
    assert_eq!(texts(&ready.blocking_recv().unwrap()), ["small 1", "small 2"]);
    // The next batches, too.
    for nth in 0..3 {
        let text = format!("small again {nth}");
        let (ready, _answers) = lab.parse(&[&text]);
        assert_eq!(texts(&ready.blocking_recv().unwrap()), [text]);
    }
    assert!(lab.slow.try_recv().is_err(), "it still stands at the gate");
    lab.gate.open();
    let slow = lab.slow.blocking_recv().unwrap();
    assert_eq!(slow.message.bytes.stored(), b"large and long");
    lab.wait_until_idle();
}

#[test]
fn a_batch_of_several_threads_goes_on_without_what_is_large() {
    let slow = SlowOptions {
        seats: 2,
        ..SlowOptions::default()
    };
    let mut lab = Lab::new(slow, 2);
    let filler = " ".repeat(SHARED_BYTES_MIN);
    let (first, second) = (format!("large 1{filler}"), format!("large 2{filler}"));
    let small: Vec<_> = (0..20).map(|nth| format!("small {nth}")).collect();
    let mut all = vec![&*first, &*second];
    all.extend(small.iter().map(|text| &**text));
    let (ready, _answers) = lab.parse(&all);
    // Both threads stand at the gate, and the batch is done all the same.
    lab.gate.until(2);
    assert_eq!(texts(&ready.blocking_recv().unwrap()), small);
    lab.gate.open();
    let slow = [lab.slow.blocking_recv().unwrap(), lab.slow.blocking_recv().unwrap()];
    assert!(
        slow.iter()
            .all(|slow| slow.message.bytes.stored().starts_with(b"large"))
    );
}

/// The negative control: without a slow lane that is entered at all, the batch waits for what is large.
#[test]
fn without_a_slow_lane_what_is_small_waits() {
    let slow = SlowOptions {
        bytes: u64::MAX,
        after: Duration::MAX,
        ..SlowOptions::default()
    };
    let lab = Lab::new(slow, 1);
    let is_over = Arc::new(AtomicBool::new(false));
    let mut options = IntakeOptions::new(|| FreshDomain {
        public_id: String::new(),
        rua_token: String::new(),
    });
    options.settings.slow = slow;
    let (gate, over) = (lab.gate.clone(), Arc::clone(&is_over));
    let read = move |message: Arrived, watch: &Watch<'_>| {
        if message.raw.bytes.starts_with(b"large") {
            // As many times as leave the fast lane a thousand times over otherwise.
            assert!((0..200_000).all(|nth| !watch.ask(&message.raw.bytes, nth << 16)));
            gate.pass();
            over.store(true, Ordering::SeqCst);
        }
        Ok(message_of(message))
    };
    let (parser, _slow) = Parser::start(Clock::fixed(0), Metrics::new(), &options, Box::new(read));
    let (jobs, _answers): (_, Vec<_>) = ["small", "large and long"].iter().map(|text| job(text, None)).unzip();
    let mut ready = parser.parse(jobs, 0);
    lab.gate.until(1);
    assert!(matches!(ready.try_recv(), Err(TryRecvError::Empty)));
    lab.gate.open();
    assert_eq!(texts(&ready.blocking_recv().unwrap()).len(), 2);
    assert!(is_over.load(Ordering::SeqCst));
}

#[test]
fn a_full_slow_lane_delays_only_large_messages() {
    let mut lab = Lab::with_seats(1);
    let large: Vec<_> = (0..5).map(|nth| format!("large {nth}")).collect();
    let mut answers = Vec::new();
    for text in &large {
        let (ready, answer) = lab.parse(&[text, "small"]);
        answers.extend(answer);
        assert_eq!(texts(&ready.blocking_recv().unwrap()), ["small"]);
    }
    lab.gate.until(1);
    assert_eq!(lock(&lab.gate.0.0).waiting, 1, "one seat, one message that is read");
    lab.gate.open();
    let mut seen = Vec::new();
    for _ in &large {
        // The seat is free when what was read in it is written.
        let slow = lab.slow.blocking_recv().unwrap();
        assert!(lab.slow.try_recv().is_err());
        seen.push(String::from_utf8(slow.message.bytes.stored().to_vec()).unwrap());
        drop(slow.held);
    }
    assert_eq!(seen, large, "in the order in which they came");
}

#[test]
fn waiting_mail_is_bounded_and_more_is_refused_for_now() {
    let slow = SlowOptions {
        seats: 1,
        waiting_max: 2,
        ..SlowOptions::default()
    };
    let lab = Lab::new(slow, 1);
    let mut answers: Vec<_> = (0..5)
        .map(|nth| {
            let (job, answer) = job(&format!("large {nth}"), Some(provenance()));
            lab.parser.parse(vec![job], 0).blocking_recv().unwrap();
            answer
        })
        .collect();
    // A file waits all the same.
    let (file, mut waits) = job("large file", None);
    lab.parser.parse(vec![file], 0).blocking_recv().unwrap();
    let refused = answers.split_off(3);
    for answer in refused {
        assert!(matches!(answer.blocking_recv(), Ok(Err(IntakeError::Busy))));
    }
    assert!(
        answers
            .iter_mut()
            .all(|answer| matches!(answer.try_recv(), Err(TryRecvError::Empty)))
    );
    assert!(matches!(waits.try_recv(), Err(TryRecvError::Empty)));
    lab.gate.open();
}

/// A job for several owners, and their answers.
fn job_for(
    count: usize,
    text: &str,
    provenance: Option<Provenance>,
) -> (Job, Vec<oneshot::Receiver<Result<Outcome, IntakeError>>>) {
    let (mut job, _) = job(text, provenance);
    let (answers, answered): (Vec<_>, Vec<_>) = (0..count).map(|_| oneshot::channel()).unzip();
    let mut answers = answers.into_iter();
    let first = answers.next().unwrap();
    let belonging = job.message.raw.belonging;
    job.askers = Askers::several(first, answers.map(|answer| (belonging, answer)));
    (job, answered)
}

#[test]
fn a_message_for_several_that_cannot_wait_is_refused_for_each_of_them() {
    let slow = SlowOptions {
        seats: 1,
        waiting_max: 1,
        ..SlowOptions::default()
    };
    let lab = Lab::new(slow, 1);
    let mut all = Vec::new();
    for (nth, count) in [3, 2, 4].into_iter().enumerate() {
        let (job, answers) = job_for(count, &format!("large {nth}"), Some(provenance()));
        lab.parser.parse(vec![job], 0).blocking_recv().unwrap();
        all.push(answers);
    }
    for answer in all.remove(2) {
        assert!(matches!(answer.blocking_recv(), Ok(Err(IntakeError::Busy))));
    }
    for answer in all.iter_mut().flatten() {
        assert!(matches!(answer.try_recv(), Err(TryRecvError::Empty)));
    }
    lab.gate.open();
}

#[test]
fn a_shared_message_is_counted_until_its_last_answer() {
    let text = "<feedback><report_metadata><org_name>r.example</org_name><report_id>1</report_id><date_range>\
                <begin>1764115200</begin><end>1764201599</end></date_range></report_metadata><policy_published>\
                <domain>example.com</domain></policy_published><record><row><source_ip>192.0.2.1</source_ip>\
                <count>1</count></row></record></feedback>";
    for (count, is_held) in [(1, false), (2, true), (41, true)] {
        let mut options = IntakeOptions::new(|| FreshDomain {
            public_id: String::new(),
            rua_token: String::new(),
        });
        options.parsed_bytes_max = 1;
        let (parser, _slow) = Parser::start(Clock::fixed(0), Metrics::new(), &options, reader(&options));
        let (job, _answers) = job_for(count, text, None);
        let mut ready = parser.parse(vec![job], 1).blocking_recv().unwrap();
        assert_eq!((ready.messages.len(), ready.messages[0].reports.len()), (1, 1));
        // The batch is written; a message for one has its answer then.
        let askers = std::mem::take(&mut ready.askers);
        drop(ready);
        let other = || parser.parse(vec![job_for(1, text, None).0], 0).blocking_recv().unwrap();
        assert_eq!(other().messages.is_empty(), is_held, "{count}");
        drop(askers);
        assert_eq!(other().messages.len(), 1, "{count}");
    }
}

#[test]
fn time_makes_a_message_slow_as_bytes_do() {
    let slow = SlowOptions {
        bytes: u64::MAX,
        seats: 1,
        ..SlowOptions::default()
    };
    for (passed, expect) in [(slow.after - Duration::from_millis(1), false), (slow.after, true)] {
        let lab = Lab::new(slow, 1);
        let clock = lab.clock.clone();
        let mut options = IntakeOptions::new(|| FreshDomain {
            public_id: String::new(),
            rua_token: String::new(),
        });
        options.settings.slow = slow;
        let read_clock = clock.clone();
        let read = move |message: Arrived, watch: &Watch<'_>| {
            assert!(!watch.ask(&message.raw.bytes, 0));
            read_clock.advance(passed);
            watch.ask(&message.raw.bytes, 0);
            Ok(message_of(message))
        };
        let (parser, mut slow) = Parser::start(clock, Metrics::new(), &options, Box::new(read));
        let (job, _answer) = job("any", None);
        let ready = parser.parse(vec![job], 0).blocking_recv().unwrap();
        assert_eq!(ready.messages.is_empty(), expect);
        drop(parser);
        assert_eq!(slow.blocking_recv().is_some(), expect);
    }
}

/// The limit is on bytes: neither questions nor parts bring a message nearer to it.
#[test]
fn only_what_is_unpacked_makes_a_message_large() {
    let slow = SlowOptions {
        bytes: 1_000,
        after: Duration::MAX,
        ..SlowOptions::default()
    };
    for (unpacked, expect) in [(0, false), (999, false), (1_000, false), (1_001, true)] {
        let mut options = IntakeOptions::new(|| FreshDomain {
            public_id: String::new(),
            rua_token: String::new(),
        });
        options.settings.slow = slow;
        let read = move |message: Arrived, watch: &Watch<'_>| {
            for _ in 0..10_000 {
                watch.ask(&message.raw.bytes, unpacked);
            }
            Ok(message_of(message))
        };
        let (parser, mut out) = Parser::start(Clock::fixed(0), Metrics::new(), &options, Box::new(read));
        let (job, _answer) = job("any", None);
        let ready = parser.parse(vec![job], 0).blocking_recv().unwrap();
        assert_eq!(ready.messages.is_empty(), expect, "{unpacked}");
        drop(parser);
        assert_eq!(out.blocking_recv().is_some(), expect, "{unpacked}");
    }
}

#[test]
fn a_panic_costs_its_own_message_only_in_either_lane() {
    let mut lab = Lab::with_seats(1);
    let (ready, mut answers) = lab.parse(&["small 1", "panic and more", "small 2", "large"]);
    assert_eq!(texts(&ready.blocking_recv().unwrap()), ["small 1", "small 2"]);
    assert!(answers.remove(1).blocking_recv().is_err());
    lab.gate.open();
    assert_eq!(lab.slow.blocking_recv().unwrap().message.bytes.stored(), b"large");
    let (ready, _answers) = lab.parse(&["small 3"]);
    assert_eq!(texts(&ready.blocking_recv().unwrap()), ["small 3"]);
}

#[test]
fn the_lanes_end_when_all_is_read_and_written() {
    let mut lab = Lab::with_seats(1);
    let (jobs, _answers): (_, Vec<_>) = (0..3).map(|nth| job(&format!("large {nth}"), None)).unzip();
    let ready = lab.parser.parse(jobs, 0);
    assert!(ready.blocking_recv().unwrap().messages.is_empty());
    drop(lab.parser);
    lab.gate.open();
    let mut count = 0;
    while let Some(slow) = lab.slow.blocking_recv() {
        count += 1;
        drop(slow);
    }
    assert_eq!(count, 3);
}

/// What the check of its sender took is not there for its reading.
#[test]
fn processor_time_that_was_spent_before_counts() {
    const REPORT: &str = "<feedback><report_metadata><org_name>r.example</org_name><email>a@r.example</email>\
        <report_id>1</report_id><date_range><begin>1758240000</begin><end>1758326399</end></date_range></report_metadata>\
        <policy_published><domain>example.com</domain><p>none</p></policy_published><record><row>\
        <source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated><disposition>none</disposition><dkim>pass</dkim>\
        <spf>pass</spf></policy_evaluated></row><identifiers><header_from>example.com</header_from></identifiers>\
        <auth_results/></record></feedback>";
    let options = IntakeOptions::new(|| FreshDomain {
        public_id: String::new(),
        rua_token: String::new(),
    });
    let limits = options.limits;
    let read = move |message: Arrived, watch: &Watch<'_>| super::super::read::read(&limits, message, watch);
    let (parser, _slow) = Parser::start(Clock::system(), Metrics::new(), &options, Box::new(read));
    let [none, all] = [Duration::ZERO, limits.time_max].map(|spent| {
        let (mut job, _answer) = job(REPORT, None);
        job.message.spent = spent;
        parser.parse(vec![job], 0).blocking_recv().unwrap().messages.remove(0)
    });
    assert_eq!((none.reports.len(), none.problems.len()), (1, 0));
    let reasons: Vec<_> = all.problems.iter().map(|problem| problem.reason).collect();
    assert_eq!((all.reports.len(), &reasons[..]), (0, &["too_slow"][..]));
}

fn provenance() -> Provenance {
    Provenance {
        peer: Some([192, 0, 2, 1].into()),
        ..Provenance::fetched()
    }
}
