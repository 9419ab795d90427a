//! Who reaches the sidecar, and how: TLS, users of Unix sockets, names of the admin address, and what may be plaintext.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Listen;
use crate::document::Section;

/// The files of TLS, PEM, relative to the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those that lead to its root.
    pub certificate: PathBuf,
    /// The private key of that certificate.
    pub key: PathBuf,
    /// The roots of callers' certificates, if callers must have one.
    pub client_ca: Option<PathBuf>,
    /// Whether the admin pages are served over TLS too.
    pub admin: bool,
}

impl TlsFiles {
    pub(super) fn read(section: &mut Section) -> Option<Self> {
        let certificate = path(section, "cert_file");
        let key = path(section, "key_file");
        let client_ca = path(section, "client_ca_file");
        let admin = section.flag("admin", false);
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                return Some(Self {
                    certificate,
                    key,
                    client_ca,
                    admin,
                });
            }
            (Some(_), None) => section.reject(
                "cert_file",
                "needs tls.key_file, the private key of the certificate",
            ),
            (None, Some(_)) => section.reject(
                "key_file",
                "needs tls.cert_file, the certificate of the key",
            ),
            (None, None) if client_ca.is_some() => {
                section.reject("client_ca_file", "needs tls.cert_file and tls.key_file");
            }
            (None, None) if admin => {
                section.reject("admin", "needs tls.cert_file and tls.key_file");
            }
            (None, None) => {}
        }
        None
    }
}

/// Users whose processes may connect to Unix sockets; empty is whoever the mode lets in.
pub(super) fn unix_allowed_uids(section: &mut Section) -> Vec<u32> {
    let uids = section.integers("unix_allowed_uids", 0..=u32::MAX.into());
    uids.into_iter()
        .filter_map(|uid| u32::try_from(uid).ok())
        .collect()
}

pub(super) fn admin_token_file(section: &mut Section) -> Option<PathBuf> {
    path(section, "admin_token_file")
}

/// Names by which the admin address may be asked, in lower case.
pub(super) fn admin_hosts(section: &mut Section) -> Vec<String> {
    let mut hosts = section.strings("admin_hosts");
    for (index, host) in hosts.iter_mut().enumerate() {
        host.make_ascii_lowercase();
        // As requests' hosts are taken: the name of the root needs no dot.
        host.truncate(host.strip_suffix('.').map_or(host.len(), str::len));
        if !is_host_name(host) {
            let message = "must be a name without port, such as \"bidder.ads.svc\"";
            section.reject(&format!("admin_hosts[{index}]"), message);
        }
    }
    hosts
}

fn is_host_name(host: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !host.is_empty() && host.bytes().all(part)
}

/// Refuses addresses that other machines reach and where no TLS is spoken, unless `plaintext_beyond_loopback` has them.
/// Returns whether it has OTLP receivers.
pub(super) fn refuse_plaintext(
    section: &mut Section,
    listen: &[(usize, Listen)],
    admin: SocketAddr,
    tls: Option<&TlsFiles>,
) -> bool {
    let [listen_allowed, admin_allowed, otlp_allowed] = section
        .section("plaintext_beyond_loopback", |section| {
            ["listen", "admin", "otlp"].map(|key| section.flag(key, false))
        });
    if tls.is_none() && !listen_allowed {
        for (index, _) in listen.iter().filter(|(_, address)| is_exposed(address)) {
            section.reject(&format!("listen[{index}]"), LISTEN_IN_PLAINTEXT);
        }
    }
    if tls.is_none_or(|tls| !tls.admin) && !admin_allowed && is_exposed(&Listen::Tcp(admin)) {
        section.reject("admin", ADMIN_IN_PLAINTEXT);
    }
    otlp_allowed
}

const LISTEN_IN_PLAINTEXT: &str = "is open to other machines, and bids would cross the network in plaintext: \
    set tls.cert_file and tls.key_file, listen on loopback or a Unix socket, \
    or accept it by plaintext_beyond_loopback.listen: true";

const ADMIN_IN_PLAINTEXT: &str = "is open to other machines, and metrics and policy would cross the network in plaintext: \
    set tls.admin: true, listen on loopback, \
    or accept it by plaintext_beyond_loopback.admin: true";

fn is_exposed(address: &Listen) -> bool {
    match address {
        Listen::Tcp(address) => !address.ip().to_canonical().is_loopback(),
        Listen::Unix(_) => false,
    }
}

fn path(section: &mut Section, key: &str) -> Option<PathBuf> {
    let path = section.string(key, "");
    (!path.is_empty()).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Config, ServeArgs};
    use crate::document::{Document, Problems};

    #[test]
    fn what_other_machines_reach_is_not_plaintext_unless_told_so() {
        for (text, refused) in [
            (
                "listen: [\"127.0.0.1:1\", \"0.0.0.0:2\", \"[::]:3\"]",
                &["listen[1]", "listen[2]"][..],
            ),
            (
                "listen: [nowhere, \"10.0.0.1:2\"]",
                &["listen[0]", "listen[1]"],
            ),
            (
                "{listen: [\"10.0.0.1:2\"], plaintext_beyond_loopback: {admin: true}}",
                &["listen[0]"],
            ),
            (
                "{listen: [\"10.0.0.1:2\"], plaintext_beyond_loopback: {listen: true}}",
                &[],
            ),
            (
                "{listen: [\"10.0.0.1:2\"], tls: {cert_file: c, key_file: k}}",
                &[],
            ),
            (
                "listen: [\"[::1]:1\", \"127.9.9.9:2\", \"[::ffff:127.0.0.1]:3\", \"unix:///x\"]",
                &[],
            ),
            ("admin: \"0.0.0.0:1\"", &["admin"]),
            (
                "{admin: \"0.0.0.0:1\", plaintext_beyond_loopback: {listen: true, otlp: true}}",
                &["admin"],
            ),
            (
                "{admin: \"0.0.0.0:1\", tls: {cert_file: c, key_file: k}}",
                &["admin"],
            ),
            (
                "{admin: \"0.0.0.0:1\", tls: {cert_file: c, key_file: k, admin: true}}",
                &[],
            ),
            (
                "{admin: \"0.0.0.0:1\", plaintext_beyond_loopback: {admin: true}}",
                &[],
            ),
        ] {
            assert_eq!(refused_paths(text), refused, "{text}");
        }
        let told = from_text("admin: \"0.0.0.0:1\"").unwrap_err().to_string();
        assert!(
            told.starts_with("test.yaml:1:8: admin: is open to other machines"),
            "{told}"
        );
        assert!(
            told.contains("plaintext_beyond_loopback.admin: true"),
            "{told}"
        );
    }

    #[test]
    fn tls_has_both_its_files_and_names_are_names() {
        for (text, refused) in [
            ("tls: {cert_file: c}", "tls.cert_file"),
            ("tls: {key_file: k}", "tls.key_file"),
            ("tls: {client_ca_file: c}", "tls.client_ca_file"),
            ("tls: {admin: true}", "tls.admin"),
            ("unix_allowed_uids: [0, -1]", "unix_allowed_uids[1]"),
            ("unix_allowed_uids: [4294967296]", "unix_allowed_uids[0]"),
            (
                "admin_hosts: [bidder.ads.svc, \"bidder:8080\"]",
                "admin_hosts[1]",
            ),
            ("admin_hosts: [\"\"]", "admin_hosts[0]"),
        ] {
            assert_eq!(refused_paths(text), [refused], "{text}");
        }
        let variables = [
            ("BIDGATE_UNIX_ALLOWED_UIDS", "[7, 1000]"),
            ("BIDGATE_ADMIN_HOSTS", "Bidder.ads.svc,b"),
            ("BIDGATE_ADMIN_TOKEN", "0123456789abcdef"),
        ];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let config = Config::load(&ServeArgs::default(), variables).unwrap();
        assert_eq!(config.unix_allowed_uids, [7, 1000]);
        assert_eq!(config.admin_hosts, ["bidder.ads.svc", "b"]);
        assert!(!config.to_yaml().contains("0123456789"));
    }

    fn refused_paths(text: &str) -> Vec<String> {
        let problems = from_text(text).err().map(|problems| problems.0);
        let problems = problems.unwrap_or_default().into_iter();
        problems.map(|problem| problem.path).collect()
    }

    fn from_text(text: &str) -> Result<Config, Problems> {
        Config::from_document(Document::parse(text, "test.yaml")?, Path::new(""))
    }
}
