//! The certificate: read from files, read again when they change, made at first start where there is none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::files::{self, Stamp};

/// Where the certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFiles {
    /// Files of the operator's, PEM. They are never written.
    Given {
        /// The chain, our certificate first.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// `smtp-certificate.pem` and `smtp-key.pem` in this folder, made for these names if they are not there. Senders of
    /// reports encrypt whatever the certificate says; none of them is told who we are by it.
    SelfSigned {
        /// The folder of the database.
        dir: PathBuf,
        /// Hostnames.
        names: Vec<String>,
    },
}

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path}: {what}", path = .path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The two do not belong together, or are of no use.
    #[error("certificate {certificate} with key {key}: {source}", certificate = .certificate.display(), key = .key.display())]
    Pair {
        /// The chain's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// A self-signed certificate cannot be made for these names.
    #[error("self-signed certificate cannot be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// The certificate in use.
#[derive(Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
    /// What the files were like when they were last looked at.
    seen: Mutex<Stamps>,
}

/// Of the certificate and of its key.
type Stamps = [Stamp; 2];

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);

impl Tls {
    /// Reads the certificate, or makes one.
    pub fn open(files: &TlsFiles) -> Result<Self, TlsError> {
        let (certificate, key) = match files {
            TlsFiles::Given { certificate, key } => (certificate.clone(), key.clone()),
            TlsFiles::SelfSigned { dir, names } => self_signed(dir, names)?,
        };
        let seen = Mutex::new(stamps(&certificate, &key));
        let config = RwLock::new(load(&certificate, &key)?);
        Ok(Self {
            certificate,
            key,
            config,
            seen,
        })
    }

    /// The settings for the next handshake.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again. If they are invalid, the old certificate stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        // Before reading: a change during it is seen the next time.
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = stamps(&self.certificate, &self.key);
        let config = load(&self.certificate, &self.key)?;
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Reads the files again if they have changed. Returns whether they had.
    pub fn reload_if_changed(&self) -> Result<bool, TlsError> {
        let now = stamps(&self.certificate, &self.key);
        if now == *self.seen.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(false);
        }
        self.reload().map(|()| true)
    }

    /// Reads the files again on SIGHUP and when they change, until `shutdown`.
    pub async fn watch(&self, shutdown: CancellationToken) {
        let mut hangups = signal(SignalKind::hangup()).inspect_err(|error| {
            tracing::warn!(%error, "SIGHUP cannot be listened for; the certificate is still read again when it changes");
        });
        let mut looks = tokio::time::interval(LOOK);
        loop {
            let hangup = async {
                match &mut hangups {
                    Ok(hangups) => hangups.recv().await,
                    Err(_) => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                () = shutdown.cancelled() => return,
                _ = hangup => self.reload().map(|()| true),
                _ = looks.tick() => self.reload_if_changed(),
            };
            match done {
                Ok(false) => {}
                Ok(true) => tracing::info!(certificate = %self.certificate.display(), "certificate was read again"),
                Err(error) => tracing::error!(%error, "the new certificate cannot be used; the old one stays in use"),
            }
        }
    }
}

fn stamps(certificate: &Path, key: &Path) -> Stamps {
    [certificate, key].map(files::stamp)
}

fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let content = |path: &Path, what: String| TlsError::Content {
        path: path.to_owned(),
        what,
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(certificate)?).collect();
    let chain = chain.map_err(|error| content(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(content(certificate, "holds no certificate".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| content(key, error.to_string()))?;
    let pair = |source| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    };
    // Says so too if the key is not the certificate's.
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

/// The paths of the self-signed pair, which is made if one of them is missing.
fn self_signed(dir: &Path, names: &[String]) -> Result<(PathBuf, PathBuf), TlsError> {
    let (certificate, key) = (dir.join("smtp-certificate.pem"), dir.join("smtp-key.pem"));
    if !certificate.exists() || !key.exists() {
        let made = rcgen::generate_simple_self_signed(names)?;
        // The key first: a certificate without one would not be made again.
        write(&key, &made.signing_key.serialize_pem())?;
        write(&certificate, &made.cert.pem())?;
        tracing::warn!(
            certificate = %certificate.display(),
            "no certificate is configured: a self-signed one was made; mail is encrypted, but senders cannot verify who we are"
        );
    }
    Ok((certificate, key))
}

/// Readable by its owner only.
fn write(path: &Path, text: &str) -> Result<(), TlsError> {
    files::replace(path, text.as_bytes()).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn files(folder: &tempfile::TempDir) -> TlsFiles {
        TlsFiles::SelfSigned {
            dir: folder.path().to_owned(),
            names: vec!["mx.example".to_owned()],
        }
    }

    #[test]
    fn a_certificate_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        Tls::open(&files(&folder)).unwrap();
        let key = folder.path().join("smtp-key.pem");
        let first = fs::read(&key).unwrap();
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        Tls::open(&files(&folder)).unwrap();
        assert_eq!(fs::read(&key).unwrap(), first);
    }

    #[test]
    fn a_bad_pair_is_refused_and_the_old_one_stays() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tls = Tls::open(&files(&folder)).unwrap();
        Tls::open(&files(&other)).unwrap();
        let (certificate, key) = (
            folder.path().join("smtp-certificate.pem"),
            folder.path().join("smtp-key.pem"),
        );
        let before = tls.config();
        assert!(!tls.reload_if_changed().unwrap());
        // A key of another certificate, a file without a certificate, no file at all.
        fs::copy(other.path().join("smtp-key.pem"), &key).unwrap();
        assert!(matches!(tls.reload(), Err(TlsError::Pair { .. })));
        fs::write(&certificate, "nothing").unwrap();
        assert!(matches!(tls.reload_if_changed(), Err(TlsError::Content { .. })));
        assert!(!tls.reload_if_changed().unwrap(), "said once");
        fs::remove_file(&certificate).unwrap();
        assert!(matches!(tls.reload_if_changed(), Err(TlsError::File { .. })));
        assert!(Arc::ptr_eq(&before, &tls.config()));
        fs::copy(other.path().join("smtp-certificate.pem"), &certificate).unwrap();
        assert!(tls.reload_if_changed().unwrap());
        assert!(!Arc::ptr_eq(&before, &tls.config()));
    }
}
