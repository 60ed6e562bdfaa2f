//! TLS: what a listener shows of itself, and what is known of a connection then.

mod certificate; // from files to what can be shown
mod sessions; // what an earlier handshake is remembered by
mod showing; // which certificate a client is shown
mod shown; // what clients show
mod handshake; // how it comes to a connection

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use edgeloom_config::{ClientCertificates, Clients, TlsVersion};
use jiff::Timestamp;
use pingora_proxy::Session;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};
use sha2::{Digest as _, Sha256};

pub(crate) use certificate::Certificate;
use certificate::CertificateError;
pub(crate) use handshake::{HandshakeFailure, Secure};
use sessions::Sessions;
use showing::Showing;

/// How a listener speaks TLS, in one generation.
pub(crate) struct Tls {
    written: edgeloom_config::Tls,
    /// Of the files' content.
    digest: [u8; 32],
    config: Arc<ServerConfig>,
    showing: Arc<Showing>,
    sessions: Sessions,
}

/// Why a listener can not speak TLS as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("the authorities of clients in {} can not be read", .0.display())]
    UnreadableClients(PathBuf, #[source] std::io::Error),
    #[error("{} has no certificate of an authority that can be used, in PEM", .0.display())]
    NoAuthority(PathBuf),
    #[error("the clients of {} can not be verified", .0.display())]
    Clients(PathBuf, #[source] rustls::server::VerifierBuilderError),
    #[error("this build has no TLS that could be spoken")]
    Setup(#[from] rustls::Error),
}

impl Tls {
    /// Reads every file that is named, and makes of them what `running` has not already.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub(crate) fn open(
        written: &edgeloom_config::Tls,
        running: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, Vec<TlsError>> {
        let digest = digest(written);
        if let Some(running) =
            running.filter(|running| running.written == *written && running.digest == digest)
        {
            return Ok(Arc::clone(running));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut errors = Vec::new();
        let mut certificates = Vec::with_capacity(written.certificates.len());
        for files in &written.certificates {
            match Certificate::read(files, &provider) {
                Ok(certificate) => certificates.push(Arc::new(certificate)),
                Err(error) => errors.push(error.into()),
            }
        }
        let clients = written.clients.as_ref().map(|clients| verifier(clients, &provider)).transpose();
        let clients = match clients {
            Ok(clients) if errors.is_empty() => clients,
            Ok(_) => return Err(errors),
            Err(error) => {
                errors.push(error);
                return Err(errors);
            }
        };
        let earlier = running.map(|running| &running.sessions);
        Self::new(written, digest, certificates, clients, earlier, provider)
            .map(Arc::new)
            .map_err(|error| vec![error])
    }

    fn new(
        written: &edgeloom_config::Tls,
        digest: [u8; 32],
        certificates: Vec<Arc<Certificate>>,
        clients: Option<Verified>,
        earlier: Option<&Sessions>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let believed = clients.as_ref().map(|clients| clients.digest);
        let sessions = Sessions::after(earlier, believed)?;
        let showing = Arc::new(Showing::new(certificates, written.unknown_name, written.misdirected));
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions(written.min_version))?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(clients.verifier),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&showing) as _);
        sessions.remember(&mut config);
        if written.http2 {
            config.alpn_protocols.push(b"h2".to_vec());
        }
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Self { written: written.clone(), digest, config: Arc::new(config), showing, sessions })
    }

    pub(crate) fn certificates(&self) -> &[Arc<Certificate>] {
        self.showing.certificates()
    }

    /// What an operator should know of the certificates, and soon.
    pub(crate) fn concerns(&self, now: Timestamp) -> Vec<String> {
        self.certificates().iter().flat_map(|certificate| certificate.concerns(now)).collect()
    }
}

/// What is known of the TLS of a session's connection; `None` in the clear.
pub(crate) fn secure(session: &Session) -> Option<&Arc<Secure>> {
    let kept = session.digest()?.proxy_digest.as_ref()?;
    kept.user_data.as_ref()?.downcast_ref()
}

fn versions(least: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static NEWEST: [&SupportedProtocolVersion; 1] = [&version::TLS13];
    static ALL: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    match least {
        TlsVersion::Tls12 => &ALL,
        TlsVersion::Tls13 => &NEWEST,
    }
}

/// Who says which clients are believed, and a digest of that.
struct Verified {
    verifier: Arc<dyn ClientCertVerifier>,
    digest: [u8; 32],
}

fn verifier(clients: &Clients, provider: &Arc<CryptoProvider>) -> Result<Verified, TlsError> {
    let path = || clients.ca.clone();
    let pem = fs::read(&clients.ca).map_err(|error| TlsError::UnreadableClients(path(), error))?;
    let authorities: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities);
    if roots.is_empty() {
        return Err(TlsError::NoAuthority(path()));
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let (builder, word) = match clients.certificates {
        ClientCertificates::Required => (builder, "required"),
        ClientCertificates::Optional => (builder.allow_unauthenticated(), "optional"),
    };
    let digest = Sha256::new_with_prefix(word).chain_update(&pem).finalize().into();
    Ok(Verified { verifier: builder.build().map_err(|error| TlsError::Clients(path(), error))?, digest })
}

/// Of the content of every file; of one that can not be read, nothing: reading it again will tell.
fn digest(written: &edgeloom_config::Tls) -> [u8; 32] {
    let mut digest = Sha256::new();
    for file in written.files() {
        let content = fs::read(Path::new(file)).unwrap_or_default();
        digest.update((content.len() as u64).to_le_bytes());
        digest.update(&content);
    }
    digest.finalize().into()
}
