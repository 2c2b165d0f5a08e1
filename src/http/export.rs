//! `GET /domains/{id}/dmarc/export`: every row, streamed, however many there are.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Duration, timeout};

use super::client::Client;
use super::doc::Parameter;
use super::error::ApiError;
use super::fields::Parameters;
use super::owned::OwnedDomain;
use super::range::open_range;
use super::state::AppState;
use super::{export_csv, export_json};
use crate::apart::InTurn;
use crate::base::{Day, DayRange};
use crate::store::{Domain, ExportedRecord, StoreError};

/// Pieces that are written but not yet sent.
const PIECES_AHEAD: usize = 2;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    Ndjson,
}

/// The parameter `format`.
pub(super) const PARAMETERS: &[Parameter] = &[Parameter {
    name: "format",
    says: "Default: `csv`. Cells that a spreadsheet would read as a formula begin with a quote.",
    schema: || json!({ "type": "string", "enum": ["csv", "ndjson"] }),
}];

/// What an export is sent as.
pub(super) const TYPES: &[&str] = &[Format::Csv.media_type(), Format::Ndjson.media_type()];

/// The rows from the database, piece by piece.
type Records = mpsc::Receiver<Result<Vec<ExportedRecord>, StoreError>>;
/// What the client is sent. The error breaks the connection off, so that half an export never looks whole.
type Pieces = mpsc::Sender<io::Result<Bytes>>;

/// `GET /domains/{id}/dmarc/export`
pub(super) async fn export(
    State(state): State<AppState>,
    client: Client,
    OwnedDomain(domain): OwnedDomain,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let (from, to) = open_range(&mut parameters, state.today());
    let format = parameters.word("format", &["csv", "ndjson"], Format::from_word);
    parameters.finish()?;
    let format = format.unwrap_or(Format::Csv);
    let place = state.shares.export(&state.shares.for_account(client.account))?;

    let range = DayRange {
        first: from.unwrap_or(Day(i32::MIN)),
        last: to.unwrap_or(Day(i32::MAX)),
    };
    let mut records = state.store.export(domain.id, range);
    // While nothing has been sent, an error can still be answered as one.
    let first = records.recv().await.transpose()?.unwrap_or_default();
    let (pieces, sent) = mpsc::channel(PIECES_AHEAD);
    let stall_time_max = state.config.export_stall_time_max;
    let whole = Arc::<AtomicBool>::default();
    let is_whole = Arc::clone(&whole);
    tokio::spawn(InTurn::new(async move {
        if pump(format, first, records, &pieces, stall_time_max).await {
            whole.store(true, Ordering::Release);
        }
        drop((pieces, place));
    }));
    Ok(streamed(format, &domain, sent, is_whole))
}

/// Writes pieces as fast as the client reads them; ends when all is sent (true), or when it reads no more.
async fn pump(
    format: Format,
    first: Vec<ExportedRecord>,
    mut records: Records,
    pieces: &Pieces,
    stall_time_max: Duration,
) -> bool {
    let mut next = Some(Ok(first));
    let mut header = Some(format.header());
    while let Some(batch) = next {
        let piece = match batch {
            Ok(batch) => {
                let mut out = header.take().unwrap_or_default();
                batch.iter().for_each(|record| format.write(&mut out, record));
                Ok(Bytes::from(out))
            }
            Err(error) => {
                tracing::error!(%error, "an export broke off");
                Err(io::Error::other("the export broke off"))
            }
        };
        let failed = piece.is_err();
        match timeout(stall_time_max, pieces.send(piece)).await {
            Ok(Ok(())) if !failed => {}
            _ => return false,
        }
        next = records.recv().await;
    }
    true
}

/// The pieces; and an error behind them if they are not all.
fn until_whole(
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    is_whole: Arc<AtomicBool>,
) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((pieces, is_whole)), async |state| {
        let (mut pieces, is_whole) = state?;
        match pieces.recv().await {
            Some(piece) => Some((piece, Some((pieces, is_whole)))),
            None if is_whole.load(Ordering::Acquire) => None,
            // An end like that of a whole one would hide what is missing: the connection is cut instead.
            None => Some((Err(io::Error::other("the export broke off")), None)),
        }
    })
}

fn streamed(
    format: Format,
    domain: &Domain,
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    is_whole: Arc<AtomicBool>,
) -> Response {
    // The name is letters, digits, hyphens and dots.
    let disposition = format!("attachment; filename=\"{}.{}\"", domain.name, format.word());
    let mut response = Body::from_stream(until_whole(pieces, is_whole)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

impl Format {
    fn from_word(word: &str) -> Option<Self> {
        [Self::Csv, Self::Ndjson]
            .into_iter()
            .find(|format| format.word() == word)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    fn header(self) -> Vec<u8> {
        match self {
            Self::Csv => export_csv::header(),
            Self::Ndjson => Vec::new(),
        }
    }

    fn write(self, out: &mut Vec<u8>, record: &ExportedRecord) {
        match self {
            Self::Csv => export_csv::write(out, record),
            Self::Ndjson => export_json::write(out, record),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    const SHORT: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn an_error_on_the_way_breaks_the_export_off() {
        let (database, records) = mpsc::channel(2);
        let (pieces, mut sent) = mpsc::channel(2);
        database.send(Err(StoreError::Exists(String::new()))).await.unwrap();
        assert!(!pump(Format::Ndjson, Vec::new(), records, &pieces, SHORT).await);
        drop(pieces);
        assert!(sent.recv().await.is_some_and(|piece| piece.is_ok()));
        assert!(sent.recv().await.is_some_and(|piece| piece.is_err()));
        assert!(sent.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_client_that_stops_reading_ends_the_export() {
        let (database, records) = mpsc::channel(2);
        let (pieces, sent) = mpsc::channel(1);
        database.send(Ok(Vec::new())).await.unwrap();
        assert!(!pump(Format::Csv, Vec::new(), records, &pieces, SHORT).await);
        assert!(database.is_closed());
        drop(pieces);
        // Should it read on after all: what had been written, and then a connection that is cut.
        let mut body = Body::from_stream(until_whole(sent, Arc::default())).into_data_stream();
        assert!(body.next().await.is_some_and(|piece| piece.is_ok()));
        assert!(body.next().await.is_some_and(|piece| piece.is_err()));
        assert!(body.next().await.is_none());
    }

    #[tokio::test]
    async fn half_an_export_does_not_end_like_a_whole_one() {
        for is_whole in [false, true] {
            let (pieces, sent) = mpsc::channel(2);
            pieces.send(Ok(Bytes::from_static(b"id"))).await.unwrap();
            drop(pieces);
            let body = Body::from_stream(until_whole(sent, Arc::new(AtomicBool::new(is_whole))));
            assert_eq!(axum::body::to_bytes(body, 10).await.is_ok(), is_whole);
        }
    }
}
