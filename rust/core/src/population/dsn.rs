//! Where a DSN leads and how its connection is secured, as libpq reads it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::database::DatabaseError;
use crate::tls::{TlsError, TrustAll, add_roots, authenticated, system_roots};

/// What tokio-postgres does not read itself.
const SECURITY: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

/// A DSN in its parts.
#[derive(Debug)]
pub(super) struct Dsn {
    pub(super) config: Config,
    verify: Verify,
    authorities: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verify {
    Nothing,
    /// The certificate comes from an authority.
    Authority,
    /// And it is one for this host.
    Host,
}

/// The hosts that a DSN names, addresses included; a folder stands for a Unix socket.
pub fn hosts(dsn: &str) -> Result<Vec<String>, DatabaseError> {
    let config = Dsn::parse(dsn)?.config;
    let names = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    Ok(names.chain(config.get_hostaddrs().iter().map(ToString::to_string)).collect())
}

/// Where a DSN leads, for messages: host, port and database, without the password.
pub fn place(dsn: &str) -> Result<String, DatabaseError> {
    let config = Dsn::parse(dsn)?.config;
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().map(|name| format!("/{name}")).unwrap_or_default();
    Ok(format!("{}:{port}{database}", hosts(dsn)?.join(",")))
}

impl Dsn {
    pub(super) fn parse(dsn: &str) -> Result<Self, DatabaseError> {
        let (rest, security) = split(dsn);
        let mut config = Config::from_str(&rest).map_err(|error| DatabaseError::Dsn(chain(&error)))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host("localhost");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        let value = |wanted: &str| security.iter().rev().find(|(key, _)| key == wanted).map(|(_, value)| value.as_str());
        let (mode, least) = match value("sslmode") {
            Some("disable") => (SslMode::Disable, Verify::Nothing),
            None | Some("allow" | "prefer") => (SslMode::Prefer, Verify::Nothing),
            Some("require") => (SslMode::Require, Verify::Nothing),
            Some("verify-ca") => (SslMode::Require, Verify::Authority),
            Some("verify-full") => (SslMode::Require, Verify::Host),
            Some(other) => {
                let known = "disable, allow, prefer, require, verify-ca, verify-full";
                return Err(DatabaseError::Dsn(format!("sslmode is {other:?}; known: {known}")));
            }
        };
        config.ssl_mode(mode);
        // As libpq: authorities that are named are asked, and those of the system vouch for a host, not for anybody.
        let least = least.max(match value("sslrootcert") {
            None => Verify::Nothing,
            Some("system") => Verify::Host,
            Some(_) => Verify::Authority,
        });
        let file = |name| value(name).map(PathBuf::from);
        let authorities = file("sslrootcert").filter(|file| file != Path::new("system"));
        Ok(Self { config, verify: least, authorities, certificate: file("sslcert"), key: file("sslkey") })
    }

    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let builder = match self.verify {
            Verify::Nothing => builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAll(provider))),
            Verify::Authority => {
                let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(self.roots()?), provider).build();
                let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
                builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyHost(verifier)))
            }
            Verify::Host => builder.with_root_certificates(self.roots()?),
        };
        let mut config = authenticated(builder, self.certificate.as_deref(), self.key.as_deref())?;
        if self.config.get_ssl_negotiation() == SslNegotiation::Direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let Some(file) = &self.authorities else {
            return Ok(system_roots());
        };
        let mut roots = RootCertStore::empty();
        add_roots(&mut roots, file)?;
        Ok(roots)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// The DSN without what secures the connection, and that.
fn split(dsn: &str) -> (Cow<'_, str>, Vec<(String, String)>) {
    if dsn.starts_with("postgres://") || dsn.starts_with("postgresql://") {
        return split_url(dsn);
    }
    let Some(pairs) = pairs(dsn) else {
        return (Cow::Borrowed(dsn), Vec::new());
    };
    let (security, rest): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(key, _)| SECURITY.contains(&key.as_str()));
    let quoted = |(key, value): &(String, String)| format!("{key}='{}' ", value.replace('\\', "\\\\").replace('\'', "\\'"));
    (Cow::Owned(rest.iter().map(quoted).collect()), security)
}

fn split_url(dsn: &str) -> (Cow<'_, str>, Vec<(String, String)>) {
    let host = dsn.find('@').unwrap_or(0);
    let Some(query) = dsn.get(host..).and_then(|rest| rest.find('?')).map(|place| place + host) else {
        return (Cow::Borrowed(dsn), Vec::new());
    };
    let (base, query) = dsn.split_at(query);
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut security = Vec::new();
    let mut rest = Vec::new();
    for part in query.trim_start_matches('?').split('&') {
        match part.split_once('=') {
            Some((key, value)) if SECURITY.contains(&decoded(key).as_str()) => security.push((decoded(key), decoded(value))),
            _ => rest.push(part),
        }
    }
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    (Cow::Owned(format!("{base}{query}")), security)
}

/// The pairs of `key=value` words, values without their quotes; none of text that cannot be read, which tokio-postgres then refuses.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (quoted, inside) = after.strip_prefix('\'').map_or((false, after), |inside| (true, inside));
        let mut value = String::new();
        let mut characters = inside.chars();
        loop {
            match characters.next() {
                Some('\\') => value.extend(characters.next()),
                Some('\'') if quoted => break,
                Some(space) if !quoted && space.is_whitespace() => break,
                Some(character) => value.push(character),
                None if quoted => return None,
                None => break,
            }
        }
        found.push((key.trim_end().to_owned(), value));
        rest = characters.as_str().trim_start();
    }
    Some(found)
}

/// Verifies that an authority made the certificate, whichever host it is for.
#[derive(Debug)]
struct AnyHost(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        match self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_of_a_dsn_is_named() {
        let table = [
            ("postgresql://me@db.example/app", vec!["db.example"]),
            ("host=localhost hostaddr=10.0.0.9 dbname=app", vec!["localhost", "10.0.0.9"]),
            ("postgresql://a.example,b.example/app", vec!["a.example", "b.example"]),
            ("host=/var/run/postgresql", vec!["/var/run/postgresql"]),
            ("dbname=app", vec!["localhost"]),
            ("host = a.example sslmode = require", vec!["a.example"]),
        ];
        for (dsn, wanted) in table {
            assert_eq!(hosts(dsn).unwrap(), wanted, "{dsn}");
        }
    }

    #[test]
    fn the_place_of_a_dsn_hides_the_password() {
        assert_eq!(place("postgresql://me:secret@127.0.0.1:6543/app").unwrap(), "127.0.0.1:6543/app");
    }

    #[test]
    fn a_dsn_that_cannot_be_read_is_a_fault() {
        for dsn in ["postgresql://host:port/app", "host='open", "postgresql://host/app?sslmode=maybe", "nonsense", "colour=red"] {
            assert!(matches!(hosts(dsn), Err(DatabaseError::Dsn(_))), "{dsn}");
        }
    }

    #[test]
    fn modes_and_files_are_read_as_libpq_reads_them() {
        use SslMode::{Disable, Prefer, Require};
        let table = [
            ("postgresql://h/d", Prefer, Verify::Nothing, None),
            ("postgresql://h/d?sslmode=disable", Disable, Verify::Nothing, None),
            ("postgresql://h/d?sslmode=require&application_name=x", Require, Verify::Nothing, None),
            ("postgresql://h/d?application_name=x&sslmode=require&sslrootcert=%2Fa%20b.pem", Require, Verify::Authority, Some("/a b.pem")),
            ("postgresql://u:p?w@h/d?sslmode=verify-ca", Require, Verify::Authority, None),
            ("postgresql://h/d?sslmode=verify-full&sslrootcert=ca.pem", Require, Verify::Host, Some("ca.pem")),
            ("postgresql://h/d?sslrootcert=system", Prefer, Verify::Host, None),
            (r"host=h password='it\'s' sslmode=verify-full sslrootcert='a b.pem'", Require, Verify::Host, Some("a b.pem")),
        ];
        for (text, mode, verify, authorities) in table {
            let dsn = Dsn::parse(text).unwrap();
            let found = (dsn.config.get_ssl_mode(), dsn.verify, dsn.authorities.as_deref());
            assert_eq!(found, (mode, verify, authorities.map(Path::new)), "{text}");
        }
        assert_eq!(Dsn::parse(r"host=h password='it\'s' sslmode=require").unwrap().config.get_password(), Some(&b"it's"[..]));
    }
}
