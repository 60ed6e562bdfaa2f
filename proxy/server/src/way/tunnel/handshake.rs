//! The heads of a handshake: hop by hop, so that each side hears of this hop only.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{StatusCode, Version};
use pingora_core::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;

use crate::exchange::Exchange;
use crate::way::hop::{self, tokens};

/// The protocol that the client asks for, if it is one that this route lets through.
///
/// A request with a body is no handshake: the body would have to come before the other protocol.
pub(in crate::way) fn asked(session: &Session, exchange: &Exchange) -> Option<Box<str>> {
    if !session.is_upgrade_req() {
        return None;
    }
    let headers = &session.req_header().headers;
    let allowed = &exchange.route()?.upgrades.protocols;
    let empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0");
    if !empty || headers.contains_key(TRANSFER_ENCODING) || !tokens(headers, &CONNECTION).any(is_upgrade) {
        return None;
    }
    if !exchange.cluster()?.1.roster.reach().can_upgrade() {
        return None;
    }
    let protocol = tokens(headers, &UPGRADE).find(|asked| allowed.iter().any(|known| is_named(asked, known)));
    protocol.map(Into::into)
}

fn is_upgrade(token: &str) -> bool {
    token.eq_ignore_ascii_case("upgrade")
}

/// Whether a protocol, with a version or without, is the one of this name.
fn is_named(protocol: &str, name: &str) -> bool {
    protocol.split('/').next().is_some_and(|named| named.eq_ignore_ascii_case(name))
}

/// The head for the endpoint: the client's, but for what was meant for us, and with this protocol alone.
///
/// # Errors
///
/// Where the client calls hop-by-hop what is ours to vouch for.
pub(super) fn request(sent: &RequestHeader, protocol: &str) -> Result<RequestHeader> {
    let mut head = sent.clone();
    hop::strip_request(&mut head)?;
    head.set_version(Version::HTTP_11);
    head.insert_header(CONNECTION, UPGRADES)?;
    head.insert_header(UPGRADE, protocol)?;
    Ok(head)
}

/// Takes out of a response what was meant for us; a consent names the protocol again.
///
/// # Errors
///
/// Where the protocol is no header's value, which it has been.
pub(super) fn strip_response(header: &mut ResponseHeader, protocol: &str) -> Result<()> {
    hop::strip_response(header);
    if header.status == StatusCode::SWITCHING_PROTOCOLS {
        header.insert_header(CONNECTION, UPGRADES)?;
        header.insert_header(UPGRADE, protocol)?;
    }
    Ok(())
}

/// Whether an endpoint agrees to what it was asked for, and to nothing else.
///
/// # Errors
///
/// Where it switches to another protocol, or does not say to which.
pub(super) fn check_consent(header: &ResponseHeader, protocol: &str) -> Result<()> {
    let wanted = protocol.split('/').next().unwrap_or(protocol);
    let agreed = tokens(&header.headers, &UPGRADE).any(|named| is_named(named, wanted));
    if agreed && header.version == Version::HTTP_11 {
        return Ok(());
    }
    Err(Error::explain(ErrorType::InvalidHTTPHeader, "the endpoint switches to another protocol").into_up())
}

/// A response whose end is the end of its connection is told in chunks to a client whose connection goes on.
///
/// # Errors
///
/// Never: the header's value is one.
pub(super) fn frame(header: &mut ResponseHeader) -> Result<()> {
    let bodiless = matches!(header.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framed =
        header.headers.contains_key(CONTENT_LENGTH) || header.headers.contains_key(TRANSFER_ENCODING);
    if !bodiless && !framed {
        header.insert_header(TRANSFER_ENCODING, "chunked")?;
    }
    header.set_version(Version::HTTP_11);
    Ok(())
}

const UPGRADES: &str = "upgrade";

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[(&'static str, &str)]) -> RequestHeader {
        let mut head = RequestHeader::build("GET", b"/chat", None).unwrap();
        for (name, value) in lines {
            head.append_header(*name, *value).unwrap();
        }
        head
    }

    #[test]
    fn the_endpoint_hears_of_this_hop_only() {
        let head = sent(&[
            ("connection", "keep-alive, Upgrade, x-secret"),
            ("upgrade", "foo, WebSocket"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]);
        let head = request(&head, "WebSocket").unwrap();
        let mut lines: Vec<_> =
            head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        let wanted =
            ["connection: upgrade", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "upgrade: WebSocket"];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn a_client_can_not_have_removed_what_we_vouch_for() {
        for name in ["x-forwarded-for", "X-Request-Id", "host", "content-length"] {
            let head = sent(&[("connection", &format!("upgrade, {name}")), ("upgrade", "websocket")]);
            assert!(request(&head, "websocket").is_err(), "{name}");
        }
    }

    #[test]
    fn consent_is_to_what_was_asked_for() {
        let consent = |upgrade: &str| {
            let mut header = ResponseHeader::build(101, None).unwrap();
            header.insert_header(UPGRADE, upgrade).unwrap();
            check_consent(&header, "websocket/13").is_ok()
        };
        assert!(consent("WebSocket") && consent("websocket/13"));
        assert!(!consent("h2c") && !consent(""));
    }
}
