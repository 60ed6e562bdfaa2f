//! Where requests come in, and what they may take.

use std::net::IpAddr;

use edgeloom_config::{
    Bind, CertificateFiles, ClientCertificates, Clients, Limits, Listener, Misdirected, ProxyProtocol,
    Socket, Tls, TlsVersion, UnknownName,
};
use edgeloom_core::client::ForwardingHeader;
use edgeloom_core::forward::{Continued, Forwarding, Listed, RequestId, Single};
use edgeloom_core::units::Bytes;
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{address, duration, path};

pub(super) fn listener() -> impl Strategy<Value = Listener> {
    let network = (any::<IpAddr>(), 0..=32_u8)
        .prop_map(|(address, length)| IpNet::new(address, length).unwrap().trunc());
    let network = prop_oneof![network, any::<IpAddr>().prop_map(IpNet::from)];
    let network = network
        .prop_filter("IPv4 in IPv6 clothes", |network| network.addr() == network.addr().to_canonical());
    let forwarded = select(vec![ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded]);
    let bind = prop_oneof![address().prop_map(Bind::Tcp), path().prop_map(Bind::Unix)];
    let protocol = select(vec![ProxyProtocol::Off, ProxyProtocol::V1, ProxyProtocol::V2, ProxyProtocol::Any]);
    (
        bind,
        (any::<bool>(), option::of(tls())),
        vec(network, 0..3),
        (forwarded, forwarding(), any::<bool>()),
        protocol,
        socket(),
    )
        .prop_map(
            |(bind, (h2c, tls), trust, (forwarded, forwarding, to_https), proxy_protocol, socket)| Listener {
                bind,
                h2c,
                tls,
                // Without anybody to announce, there is nobody to speak it.
                proxy_protocol: if trust.is_empty() { ProxyProtocol::Off } else { proxy_protocol },
                trust,
                forwarded,
                forwarding,
                to_https,
                socket,
            },
        )
}

fn forwarding() -> impl Strategy<Value = Forwarding> {
    let listed = || select(vec![Listed::Append, Listed::Set, Listed::Replace, Listed::Off]);
    let single = || select(vec![Single::Set, Single::Replace, Single::Off]);
    let request_id = select(vec![RequestId::Pass, RequestId::Make, RequestId::Off]);
    let continued =
        select(vec![Continued::Untouched, Continued::Nobodys, Continued::Trusted, Continued::Everybodys]);
    (listed(), option::of(listed()), [single(), single(), single()], request_id, continued).prop_map(
        |(x_forwarded_for, forwarded, [proto, host, port], request_id, traceparent)| Forwarding {
            x_forwarded_for,
            x_forwarded_proto: proto,
            x_forwarded_host: host,
            x_forwarded_port: port,
            forwarded,
            request_id,
            traceparent,
        },
    )
}

fn tls() -> impl Strategy<Value = Tls> {
    let certificate = (path(), path(), option::of(path())).prop_map(|(chain, key, ocsp)| CertificateFiles {
        chain,
        key,
        ocsp,
    });
    let certificates = select(vec![ClientCertificates::Required, ClientCertificates::Optional]);
    let clients = (path(), certificates).prop_map(|(ca, certificates)| Clients { ca, certificates });
    (
        vec(certificate, 1..4),
        select(vec![TlsVersion::Tls12, TlsVersion::Tls13]),
        any::<bool>(),
        option::of(clients),
        select(vec![UnknownName::Default, UnknownName::Refuse]),
        select(vec![Misdirected::Serve, Misdirected::Refuse]),
    )
        .prop_map(|(certificates, min_version, http2, clients, unknown_name, misdirected)| Tls {
            certificates,
            min_version,
            http2,
            clients,
            unknown_name,
            misdirected,
        })
}

fn socket() -> impl Strategy<Value = Socket> {
    let buffer = || option::of((4096..=64 * 1024 * 1024_u64).prop_map(Bytes));
    (any::<bool>(), 1..=65_535_u32, duration(1_000_000, 3_600_000_000), buffer(), buffer(), 0..=0o777_u32)
        .prop_map(|(reuse_port, backlog, keepalive, receive_buffer, send_buffer, mode)| Socket {
            reuse_port,
            backlog,
            keepalive,
            receive_buffer,
            send_buffer,
            mode,
        })
}

pub(super) fn limits() -> impl Strategy<Value = Limits> {
    let time = || duration(10_000, 300_000_000);
    let counts = (1..=1_000_000_u32, 1..=1_000_000_u32, 1..=1000_u32, 1..=100_u32);
    let sizes = (256..=12 * 1024_u64, 16..=8 * 1024_u64, any::<u32>());
    (counts, sizes, time(), time(), time(), time()).prop_map(
        |((connections, exchanges, streams, header_lines), sizes, handshake, head, keepalive, body_idle)| {
            Limits {
                connections,
                connections_per_client: exchanges,
                handshake,
                head,
                keepalive,
                requests_per_connection: connections,
                header_lines,
                header_bytes: Bytes(sizes.0),
                target: Bytes(sizes.1),
                body: Bytes(sizes.2.into()),
                body_idle,
                body_rate: Bytes(streams.into()),
                streams,
                resets: streams,
                control_frames: 20 + streams,
                exchanges,
            }
        },
    )
}
