//! What a listener says of its clients to whoever answers.

use edgeloom_core::forward::{Continued, Forwarding, Listed, RequestId, Single};

use crate::written::{meant, section, words};

section! {
    /// What requests say of their client, on their way to an endpoint. Of a peer that is not trusted nothing of this is believed: what it sends of it is removed first.
    Says = "forwarding" {
        /// `X-Forwarded-For`, the addresses that a request came by: `append` adds the peer's to what a trusted peer says, `set` lets that stand and names the peer where nothing is said, `replace` names the client alone, and `off` sends none.
        x_forwarded_for: Listed = Forwarding::DEFAULT.x_forwarded_for,
        /// `X-Forwarded-Proto`, how the client asked: `set` lets stand what a trusted peer says and else says how the peer asked, `replace` says `http` or `https` as the edge has established it, and `off` sends none.
        x_forwarded_proto: Single = Forwarding::DEFAULT.x_forwarded_proto,
        /// `X-Forwarded-Host`, which host was asked for, in the same way.
        x_forwarded_host: Single = Forwarding::DEFAULT.x_forwarded_host,
        /// `X-Forwarded-Port`, which port was asked, in the same way. `set` says nothing where a trusted peer speaks of the client's host or protocol and of no port: it does not mean this listener's.
        x_forwarded_port: Single = Forwarding::DEFAULT.x_forwarded_port,
        /// `Forwarded` (RFC 7239), with address, host and protocol: `append`, `set`, `replace` and `off` as for `x_forwarded_for`; `auto` appends where a trusted peer has sent it, and sends none of its own.
        forwarded: Elements = Elements(Forwarding::DEFAULT.forwarded),
        /// `X-Request-Id`, the exchange's name in the access log: `pass` takes it from a trusted peer and makes it where there is none, `make` always makes it, and `off` makes it for the log and does not send it.
        request_id: RequestId = Forwarding::DEFAULT.request_id,
        /// `traceparent` (W3C Trace Context). `off` lets it and `tracestate` pass as they come. Else the edge is a span of its own, which the access log names, and continues the traces of `trusted` peers, of `anybody`, or of `nobody`; where there is none to continue, it begins one, marked as sampled.
        traceparent: Continued = Forwarding::DEFAULT.traceparent,
    }
}

impl Says {
    pub(crate) fn resolve(&self) -> Option<Forwarding> {
        Some(Forwarding {
            x_forwarded_for: self.x_forwarded_for.as_ref()?.value,
            x_forwarded_proto: self.x_forwarded_proto.as_ref()?.value,
            x_forwarded_host: self.x_forwarded_host.as_ref()?.value,
            x_forwarded_port: self.x_forwarded_port.as_ref()?.value,
            forwarded: self.forwarded.as_ref()?.value.0,
            request_id: self.request_id.as_ref()?.value,
            traceparent: self.traceparent.as_ref()?.value,
        })
    }
}

impl From<Forwarding> for Says {
    fn from(forwarding: Forwarding) -> Self {
        Self {
            x_forwarded_for: meant(forwarding.x_forwarded_for),
            x_forwarded_proto: meant(forwarding.x_forwarded_proto),
            x_forwarded_host: meant(forwarding.x_forwarded_host),
            x_forwarded_port: meant(forwarding.x_forwarded_port),
            forwarded: meant(Elements(forwarding.forwarded)),
            request_id: meant(forwarding.request_id),
            traceparent: meant(forwarding.traceparent),
        }
    }
}

/// What is done with `Forwarded`: by default that depends on whether somebody uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elements(Option<Listed>);

impl Elements {
    const AUTO: Self = Self(None);
    const APPEND: Self = Self(Some(Listed::Append));
    const SET: Self = Self(Some(Listed::Set));
    const REPLACE: Self = Self(Some(Listed::Replace));
    const OFF: Self = Self(Some(Listed::Off));
}

words! {
    Listed = "`append`, `set`, `replace` or `off`" {
        "append" => Listed::Append,
        "set" => Listed::Set,
        "replace" => Listed::Replace,
        "off" => Listed::Off,
    }
    Elements = "`auto`, `append`, `set`, `replace` or `off`" {
        "auto" => Elements::AUTO,
        "append" => Elements::APPEND,
        "set" => Elements::SET,
        "replace" => Elements::REPLACE,
        "off" => Elements::OFF,
    }
    Single = "`set`, `replace` or `off`" {
        "set" => Single::Set,
        "replace" => Single::Replace,
        "off" => Single::Off,
    }
    RequestId = "`pass`, `make` or `off`" {
        "pass" => RequestId::Pass,
        "make" => RequestId::Make,
        "off" => RequestId::Off,
    }
    Continued = "`off`, `trusted`, `anybody` or `nobody`" {
        "off" => Continued::Untouched,
        "trusted" => Continued::Trusted,
        "anybody" => Continued::Everybodys,
        "nobody" => Continued::Nobodys,
    }
}
