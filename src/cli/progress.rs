//! Progress of a long command: a bar on a terminal, otherwise one line per second. It goes to standard error, because
//! standard output holds only results.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::{count, duration};
use crate::base::clock::Clock;

const LINE_EVERY: Duration = Duration::from_secs(1);
const BAR_EVERY: Duration = Duration::from_millis(100);

/// Shared by those who do the work; every method may be called from anywhere.
///
/// It counts *things* (files, reports) and, for the time left, their *weight*: what takes long weighs much.
#[derive(Debug)]
pub struct Progress {
    clock: Clock,
    noun: &'static str,
    began: Duration,
    things: AtomicU64,
    weight: AtomicU64,
    /// Total weight; 0 while it is unknown.
    weight_of_all: AtomicU64,
    /// When the progress was last shown.
    shown_at: Mutex<Duration>,
    /// `None` if standard error is not a terminal.
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress with nothing done yet, of an unknown number of `noun`.
    pub fn new(clock: Clock, noun: &'static str) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style("{spinner} {msg}"));
            bar
        });
        let began = clock.monotonic();
        Self {
            clock,
            noun,
            began,
            things: AtomicU64::new(0),
            weight: AtomicU64::new(0),
            weight_of_all: AtomicU64::new(0),
            shown_at: Mutex::new(began),
            bar,
        }
    }

    /// Sets the total weight.
    pub fn set_weight_of_all(&self, weight: u64) {
        if self.weight_of_all.swap(weight, Ordering::Relaxed) != weight
            && let Some(bar) = &self.bar
        {
            bar.set_length(weight);
            bar.set_style(style("{bar:30} {percent}% {msg}"));
        }
    }

    /// Sets the number of finished things, each of the same weight.
    pub fn set_things(&self, things: u64) {
        self.things.store(things, Ordering::Relaxed);
        self.weight.store(things, Ordering::Relaxed);
        self.show();
    }

    /// One more thing is done.
    pub fn advance(&self, weight: u64) {
        self.things.fetch_add(1, Ordering::Relaxed);
        self.weight.fetch_add(weight, Ordering::Relaxed);
        self.show();
    }

    /// Writes a line that stays, above the bar if there is one.
    pub fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| write_line(line)),
            None => write_line(line),
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn show(&self) {
        let now = self.clock.monotonic();
        // A caller that finds the lock taken skips the write: another caller is writing.
        let Ok(mut shown_at) = self.shown_at.try_lock() else {
            return;
        };
        let every = if self.bar.is_some() { BAR_EVERY } else { LINE_EVERY };
        if now.saturating_sub(*shown_at) < every {
            return;
        }
        *shown_at = now;
        let line = self.line(now.saturating_sub(self.began));
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.weight.load(Ordering::Relaxed));
                bar.set_message(line);
            }
            None => write_line(&line),
        }
    }

    fn line(&self, took: Duration) -> String {
        let things = self.things.load(Ordering::Relaxed);
        let seconds = took.as_secs_f64().max(0.001);
        let mut line = format!(
            "{} {}, {:.0} a second",
            count(things),
            self.noun,
            things as f64 / seconds
        );
        let (weight, all) = (
            self.weight.load(Ordering::Relaxed),
            self.weight_of_all.load(Ordering::Relaxed),
        );
        if all > 0 && weight > 0 {
            let left = all.saturating_sub(weight) as f64 / (weight as f64 / seconds);
            let left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
            line.push_str(&format!(", {} left", duration(left)));
        }
        line
    }
}

fn write_line(line: &str) {
    // Progress that cannot be shown is no reason to stop.
    let _ = writeln!(io::stderr(), "{line}");
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("both templates above are well-formed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_rate_and_time_left_once_total_is_known() {
        let progress = Progress::new(Clock::fixed(0), "messages");
        for _ in 0..3_000 {
            progress.advance(10);
        }
        assert_eq!(progress.line(Duration::from_secs(2)), "3,000 messages, 1500 a second");
        progress.set_weight_of_all(300_000);
        assert_eq!(
            progress.line(Duration::from_secs(2)),
            "3,000 messages, 1500 a second, 18 s left"
        );
    }
}
