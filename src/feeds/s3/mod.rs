//! Buckets of object storage that speaks the S3 API: Amazon's, where SES puts mail, and others.
//!
//! `signature` signs requests, `xml` reads answers, `bucket` speaks to the server. An object is known by its key and its ETag:
//! with other content it is another message.

mod bucket;
mod credentials;
mod signature;
mod xml;

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use self::bucket::Bucket;
use super::outcome::{Contents, Failure};
use super::reading::{Feed, Reading};
use super::shelf::{Progress, keep_reading};

/// A bucket, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Settings {
    /// `https://...`, without the bucket.
    pub endpoint: String,
    /// File with trusted authorities (PEM); `None`: those of the system.
    pub ca_file: Option<PathBuf>,
    /// The region that requests are signed for.
    pub region: String,
    pub bucket: String,
    /// How the keys of the objects begin.
    pub prefix: String,
    /// A file with the keys of access, as `~/.aws/credentials`.
    pub credentials_file: PathBuf,
    /// How the key of an object begins whose reports are stored; `None`: it is not moved.
    pub processed: Option<String>,
    pub failed: Option<String>,
    /// The tag for objects that are not moved; `None`: none.
    pub tag: Option<String>,
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            ca_file: None,
            region: "us-east-1".to_owned(),
            bucket: String::new(),
            prefix: String::new(),
            credentials_file: PathBuf::new(),
            processed: None,
            failed: None,
            tag: None,
        }
    }
}

impl Feed for S3Settings {
    fn place(&self) -> String {
        let Self {
            endpoint,
            bucket,
            prefix,
            ..
        } = self;
        format!("s3:{endpoint}/{bucket}/{prefix}")
    }

    fn contents(&self) -> Contents {
        Contents::Mail
    }

    fn read<'a>(&'a self, reading: &'a Arc<Reading>) -> BoxFuture<'a, Result<(), Failure>> {
        async move {
            let bucket = Bucket::new(self, reading)?;
            // A bucket has no list of changes, so that nothing is kept from one round to the next.
            keep_reading(reading, &bucket, &Progress::default()).await
        }
        .boxed()
    }
}
