use super::*;

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// An announcement of version 2: command, family, and what follows the length.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [V2, &[0x20 | command, family], &length, rest].concat()
}

fn addresses(source: &str, destination: &str) -> Option<(SocketAddr, SocketAddr)> {
    Some((source.parse().unwrap(), destination.parse().unwrap()))
}

#[test]
fn a_line_of_text_announces() {
    let cases = [
        ("PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n", addresses("203.0.113.7:4711", "192.0.2.1:443")),
        ("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", addresses("[2001:db8::1]:1", "[2001:db8::2]:2")),
        ("PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.1 1 2\r\n", addresses("203.0.113.7:1", "192.0.2.1:2")),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    ];
    for (line, whom) in cases {
        let sent = format!("{line}GET / HTTP/1.1\r\n");
        let read = read(sent.as_bytes(), Version::V1);
        assert_eq!(read, Ok(Some(Announcement { length: line.len(), whom })), "{line}");
        for cut in 0..line.len() {
            assert_eq!(super::read(&line.as_bytes()[..cut], Version::Any), Ok(None), "{line} {cut}");
        }
    }
}

#[test]
fn bytes_announce() {
    let v4 = [203, 0, 113, 7, 192, 0, 2, 1, 0x12, 0x67, 1, 0xbb];
    let sent = binary(1, 0x11, &v4);
    let whom = addresses("203.0.113.7:4711", "192.0.2.1:443");
    assert_eq!(read(&sent, Version::V2), Ok(Some(Announcement { length: 28, whom })));
    // Fields of type, length and value after the addresses: whatever they hold, they are passed over.
    let more = binary(1, 0x11, &[&v4[..], &[0x04, 0, 3, 1, 2, 3, 0xee, 0xff, 0xff]].concat());
    assert_eq!(
        read(&[&more[..], b"GET"].concat(), Version::Any),
        Ok(Some(Announcement { length: more.len(), whom }))
    );
    let mut v6 = [0; 36];
    (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 3, 4);
    let whom = addresses("[::1]:3", "[::2]:4");
    assert_eq!(read(&binary(1, 0x21, &v6), Version::V2), Ok(Some(Announcement { length: 52, whom })));
    for local in [binary(0, 0x11, &v4), binary(0, 0, &[]), binary(1, 0, &[]), binary(1, 0x31, &[0; 216])] {
        assert_eq!(read(&local, Version::V2).unwrap().unwrap().whom, None);
    }
    for cut in 0..sent.len() {
        assert_eq!(read(&sent[..cut], Version::Any), Ok(None), "{cut}");
    }
}

#[test]
fn what_announces_nobody_is_refused() {
    let malformed = [
        &b"PROXY TCP4 203.0.113.7 192.0.2.1 4711\r\n"[..],
        b"PROXY TCP4 ::1 ::2 1 2\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 65536\r\n",
        b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\n",
        b"PROXY  TCP4 203.0.113.7 192.0.2.1 4711 443\r\n",
        b"PROXY UDP4 203.0.113.7 192.0.2.1 4711 443\r\n",
        &binary(1, 0x12, &[0; 12]),
        &binary(2, 0x11, &[0; 12]),
        &binary(1, 0x41, &[0; 12]),
        &binary(1, 0x11, &[0; 11]),
    ];
    for bytes in malformed {
        assert_eq!(read(bytes, Version::Any), Err(NoAnnouncement::Malformed), "{}", bytes.escape_ascii());
    }
    assert_eq!(read(b"GET / HTTP/1.1\r\n", Version::Any), Err(NoAnnouncement::Absent));
    assert_eq!(read(b"\x16\x03\x01", Version::Any), Err(NoAnnouncement::Absent));
    assert_eq!(read(b"PROXY UNKNOWN\r\n", Version::V2), Err(NoAnnouncement::OtherVersion));
    assert_eq!(read(&binary(0, 0, &[]), Version::V1), Err(NoAnnouncement::OtherVersion));
    let long = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100]].concat();
    assert_eq!(read(&long, Version::V1), Err(NoAnnouncement::TooLong));
    assert_eq!(read(&binary(1, 0x11, &[0; 5000])[..16], Version::V2), Err(NoAnnouncement::TooLong));
    assert_eq!(read(&[V2, &[0x31, 0x11, 0, 0]].concat(), Version::V2), Err(NoAnnouncement::Malformed));
}

#[test]
fn a_customer_of_a_provider_is_one_party() {
    let party = |address: &str| party(address.parse().unwrap()).to_string();
    assert_eq!(party("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(
        (party("203.0.113.7"), party("::ffff:203.0.113.7")),
        ("203.0.113.7".into(), "203.0.113.7".into())
    );
}
