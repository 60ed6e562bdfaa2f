use std::time::Duration;

use edgeloom_testbed::{Authority, Identity, Order};
use tempfile::TempDir;

use super::*;

/// A folder with a certificate in it.
struct Kept {
    folder: TempDir,
    files: CertificateFiles,
}

fn kept(identity: &Identity) -> Kept {
    let folder = TempDir::new().unwrap();
    let written = identity.write(folder.path(), "shop");
    Kept { folder, files: CertificateFiles { chain: written.chain, key: written.key, ocsp: None } }
}

fn read(files: &CertificateFiles) -> Result<Certificate, CertificateError> {
    Certificate::read(files, &rustls::crypto::ring::default_provider())
}

/// What is said when a file has this content instead.
fn with(kept: &Kept, file: &Path, content: &[u8]) -> String {
    let before = fs::read(file).unwrap();
    fs::write(file, content).unwrap();
    let error = read(&kept.files).unwrap_err();
    fs::write(file, before).unwrap();
    crate::generation::sentence(&error).replace(&kept.folder.path().display().to_string(), "…")
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[test]
fn what_it_is_for_is_read_from_it() {
    let names = ["Shop.Example", "*.shop.example", "192.0.2.7", "2001:db8::7"];
    let certificate = read(&kept(&Authority::new().issue(&Order::server(&names))).files).unwrap();
    let read: Vec<_> = certificate.names.iter().map(ToString::to_string).collect();
    assert_eq!(read, ["shop.example", "*.shop.example", "192.0.2.7", "2001:db8::7"]);
    assert!(certificate.covers("a.shop.example") && certificate.covers("[2001:db8::7]"));
    assert!(!certificate.covers("a.b.shop.example"));
    assert_eq!(certificate.algorithm, Algorithm::Ecdsa);
    assert_eq!(certificate.concerns(Timestamp::now()), [""; 0]);
    assert_eq!(certificate.days_left(Timestamp::now()), 89);
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let authority = Authority::new();
    let identity = authority.issue(&Order::server(&["shop.example"]).rsa());
    let kept = kept(&identity);
    let (chain, key) = (kept.files.chain.clone(), kept.files.key.clone());
    let other = authority.issue(&Order::server(&["shop.example"]));
    for (file, content, said) in [
        (
            &chain,
            b"".as_slice(),
            "…/shop.pem has no certificate; wanted is PEM, which begins with `-----BEGIN CERTIFICATE-----`",
        ),
        (
            &chain,
            identity.key.as_bytes(),
            "…/shop.pem has no certificate; wanted is PEM, which begins with `-----BEGIN CERTIFICATE-----`",
        ),
        (
            &key,
            identity.chain.as_bytes(),
            "…/shop.key has no private key; wanted is PEM, which begins with `-----BEGIN PRIVATE KEY-----`",
        ),
        (&key, other.key.as_bytes(), "the key in …/shop.key is not that of the certificate in …/shop.pem"),
        (
            &chain,
            other.chain.as_bytes(),
            "the key in …/shop.key is not that of the certificate in …/shop.pem",
        ),
        (
            &key,
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "the key in …/shop.key is encrypted; write it without a passphrase: `openssl pkey -in … -out …`",
        ),
        (
            &key,
            b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
            "the key in …/shop.key can not be used; ECDSA (P-256, P-384), Ed25519 and RSA (2048 to 8192 bits) can",
        ),
    ] {
        assert_eq!(with(&kept, file, content), said);
    }
    let broken = with(&kept, &chain, b"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n");
    assert!(broken.starts_with("certificate 1 in …/shop.pem can not be understood: "), "{broken}");
    let cut = with(&kept, &chain, identity.chain.get(..200).unwrap().as_bytes());
    assert!(cut.starts_with("…/shop.pem is not PEM: "), "{cut}");
    fs::remove_file(&key).unwrap();
    let gone = crate::generation::sentence(&read(&kept.files).unwrap_err());
    assert!(gone.ends_with("shop.key can not be read: No such file or directory (os error 2)"), "{gone}");
}

#[test]
fn a_staple_is_an_ocsp_response() {
    let mut kept = kept(&Authority::new().issue(&Order::server(&["shop.example"])));
    let staple = kept.folder.path().join("staple");
    kept.files.ocsp = Some(staple.clone());
    // Successful, and some bytes; then malformedRequest; then cut short.
    let good = [0x30, 0x07, 0x0a, 0x01, 0x00, 0xa0, 0x02, 0x30, 0x00];
    fs::write(&staple, good).unwrap();
    assert_eq!(read(&kept.files).unwrap().shown.ocsp.as_deref(), Some(&good[..]));
    for bad in [&[0x30, 0x03, 0x0a, 0x01, 0x01][..], &good[..8], b"-----BEGIN", b""] {
        let said = with(&kept, &staple, bad);
        assert!(said.starts_with("…/staple is no OCSP response that says anything"), "{said}");
    }
}

#[test]
fn an_operator_is_warned_in_time() {
    let authority = Authority::new();
    let server = || Order::server(&["shop.example"]);
    for (order, begin, end) in [
        (server().ending_in(29 * DAY + DAY / 2), "the certificate in …/shop.pem ends on ", ", in 29 days"),
        (server().ending_in(DAY + DAY / 2), "the certificate in …/shop.pem ends on ", ", in 1 day"),
        (server().ended(3 * DAY), "the certificate in …/shop.pem ended on ", ": clients refuse it"),
        (
            server().beginning_in(3 * DAY),
            "the certificate in …/shop.pem is not valid before ",
            ": until then clients refuse it",
        ),
        (
            Order::server(&[]),
            "the certificate in …/shop.pem names no server in its subjectAltName",
            ": it is shown by default only, and clients refuse it",
        ),
    ] {
        let kept = kept(&authority.issue(&order));
        let concerns = read(&kept.files).unwrap().concerns(Timestamp::now());
        let [concern] = &concerns[..] else { panic!("{concerns:?}") };
        let concern = concern.replace(&kept.folder.path().display().to_string(), "…");
        assert!(concern.starts_with(begin) && concern.ends_with(end), "{concern}");
    }
    let ample = kept(&authority.issue(&server().ending_in(31 * DAY)));
    assert_eq!(read(&ample.files).unwrap().concerns(Timestamp::now()), [""; 0]);
}

#[test]
fn a_chain_out_of_order_and_an_open_key_are_warned_about() {
    let mut identity = Authority::new().issue(&Order::server(&["shop.example"]));
    let (own, _) = identity.chain.split_once("-----END CERTIFICATE-----\n").unwrap();
    identity.chain = format!(
        "{own}-----END CERTIFICATE-----\n{}",
        Authority::new().issue(&Order::server(&["x.example"])).chain
    );
    let kept = kept(&identity);
    fs::set_permissions(&kept.files.key, fs::Permissions::from_mode(0o644)).unwrap();
    let concerns = read(&kept.files).unwrap().concerns(Timestamp::now());
    let [gap, open] = &concerns[..] else { panic!("{concerns:?}") };
    assert!(gap.contains("certificate 2 in ") && gap.contains(" did not sign certificate 1"), "{gap}");
    assert!(open.starts_with("everybody on this machine can read the key in "), "{open}");
}
