//! TLS as a client.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
pub use tokio_rustls::TlsConnector as Connector;

use super::connect::Stream;

/// Why there is no protected connection.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of authorities cannot be used.
    #[error("{path}: {what}", path = .path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is no authority to trust.
    #[error("this system has no certificates of authorities: install them (Debian: ca-certificates), or set ca_file")]
    NoAuthorities,
    /// No certificate can be for that name.
    #[error("{0} is not the name of a server")]
    Name(String),
    /// The library refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
    /// The server's certificate is not trusted, or it does not speak TLS.
    #[error("TLS failed: {0}")]
    Handshake(std::io::Error),
}

/// Whom to trust: the authorities of `ca_file`, or the system's.
///
/// # Errors
/// [`TlsError::Authorities`], [`TlsError::NoAuthorities`], [`TlsError::Setup`].
pub fn connector(ca_file: Option<&Path>) -> Result<Connector, TlsError> {
    let roots = match ca_file {
        Some(path) => authorities(path)?,
        None => system_authorities()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Connector::from(Arc::new(config)))
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let wrong = |what: String| TlsError::Authorities {
        path: path.to_owned(),
        what,
    };
    let mut roots = RootCertStore::empty();
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("holds no certificate".to_owned()));
    }
    Ok(roots)
}

fn system_authorities() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // One that cannot be understood does not spoil the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err(TlsError::NoAuthorities),
        false => Ok(roots),
    }
}

/// Protects a connection to `host`, whose certificate must be for that name.
///
/// # Errors
/// [`TlsError::Name`], [`TlsError::Handshake`].
pub async fn protect(connector: &Connector, host: &str, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, TlsError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))?;
    let stream = connector.connect(name, stream).await.map_err(TlsError::Handshake)?;
    Ok(Box::new(stream))
}
