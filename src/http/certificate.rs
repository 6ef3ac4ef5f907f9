//! The certificate that handshakes are answered with, and how it is renewed while the listeners stay open.
//!
//! Whoever renews certificates writes two files, at the same moment or not, in place or by turning a link. So the files
//! are looked at every [`limits::CERTIFICATE_LOOK`], and a pair that has changed is taken as soon as it is one: readable,
//! of one state before and after it was read, the key that of the certificate. What is no pair yet is looked at again,
//! and only a state that has stood still for a whole look is told to the log, once. Until then, and for ever after, the
//! last good pair is served.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::serve::BindError;
use crate::disk::Mark;
use crate::{config, der};

/// The certificate and key that handshakes are answered with.
#[derive(Debug)]
pub struct Certificate {
    key: ArcSwap<CertifiedKey>,
    files: Mutex<Files>,
}

/// What was seen of the files.
#[derive(Debug)]
struct Files {
    config: config::Tls,
    /// The state that is served, or that has been told to be unusable.
    done: Marks,
    /// Another one, that the last look found and could not use.
    waiting: Option<Marks>,
}

/// Both files, as far as a look without reading them goes; links are followed. Absent where there is no file.
type Marks = [Option<Mark>; 2];

/// What a look at the files came to.
#[derive(Debug)]
pub enum Look {
    /// Nothing new.
    Same,
    /// Handshakes are answered with another pair from now on.
    Renewed,
    /// The files have changed and cannot be used; said once for each change.
    Unusable(BindError),
}

impl Certificate {
    pub(super) fn read(config: &config::Tls) -> Result<Self, BindError> {
        let done = marks(config);
        let key = ArcSwap::from_pointee(certified(config)?);
        Ok(Self { key, files: Mutex::new(Files { config: config.clone(), done, waiting: None }) })
    }

    /// Reads both files anew, which may be others than before, for the handshakes from now on; connections that stand
    /// go on.
    ///
    /// # Errors
    /// Files that cannot be used: then nothing changes.
    pub fn renew(&self, config: &config::Tls) -> Result<(), BindError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let done = marks(config);
        self.key.store(Arc::new(certified(config)?));
        *files = Files { config: config.clone(), done, waiting: None };
        Ok(())
    }

    /// Looks whether the files have changed, and takes them if they can be used. It may block: they are on a disk.
    pub fn look(&self) -> Look {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let found = marks(&files.config);
        if found == files.done {
            files.waiting = None;
            return Look::Same;
        }
        match certified(&files.config) {
            // Changed while it was read: two halves may have been taken for one.
            _ if marks(&files.config) != found => Look::Same,
            Ok(key) => {
                self.key.store(Arc::new(key));
                (files.done, files.waiting) = (found, None);
                Look::Renewed
            }
            Err(error) if files.waiting == Some(found) => {
                (files.done, files.waiting) = (found, None);
                Look::Unusable(error)
            }
            Err(_) => {
                files.waiting = Some(found);
                Look::Same
            }
        }
    }

    /// When the certificate that is served ends.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        der::not_after(self.key.load().cert.first()?)
    }

    /// The way to serve with it: TLS 1.2 and 1.3; the server adds what it speaks (HTTP/2, HTTP/1.1).
    pub(super) fn server(self: Arc<Self>) -> Result<ServerConfig, BindError> {
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(BindError::Tls)?;
        Ok(config.with_no_client_auth().with_cert_resolver(self))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.load_full())
    }
}

fn marks(config: &config::Tls) -> Marks {
    let mark = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some(Mark::of(&found))
    };
    [mark(&config.certificate), mark(&config.key)]
}

/// Reads a pair; a key of another certificate is an error.
fn certified(config: &config::Tls) -> Result<CertifiedKey, BindError> {
    let failed = |path: &PathBuf| {
        let path = path.clone();
        move |source| BindError::Pem { path, source }
    };
    let chain = CertificateDer::pem_file_iter(&config.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(failed(&config.certificate))?;
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(failed(&config.key))?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).map_err(BindError::Tls)
}
