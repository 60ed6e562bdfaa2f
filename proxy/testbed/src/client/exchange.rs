//! One request and its response, as a client sees them.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{ClientError, Protocol, or_fail};
use crate::tls::Handshake;

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    path: String,
    host: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

impl Request {
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::new("POST", path) }
    }

    pub fn put(path: &str, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::new("PUT", path) }
    }

    /// `path` may carry a query.
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.into(), path: path.into(), host: None, headers: Vec::new(), body: Bytes::new() }
    }

    /// Adds a header, beside others of its name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().into()));
        self
    }

    /// Instead of the address that it is sent to.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.into());
        self
    }

    /// As a trusted proxy would forward it for this client.
    #[must_use]
    pub fn forwarded_for(self, client: &str) -> Self {
        self.header("x-forwarded-for", client)
    }

    #[must_use]
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.header("cookie", format!("{name}={value}"))
    }

    pub(super) fn what(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(super) fn for_address(
        self,
        address: SocketAddr,
        connection: &Connection,
        secure: bool,
    ) -> Result<http::Request<Full<Bytes>>, ClientError> {
        let what = self.what();
        let host = self.host.unwrap_or_else(|| address.to_string());
        let mut builder = http::Request::builder().method(&*self.method);
        let scheme = if secure { "https" } else { "http" };
        builder = match connection {
            Connection::Http1(_) => builder.uri(&self.path).header("host", host),
            Connection::Http2(_) => {
                builder.uri(format!("{scheme}://{host}{}", self.path)).version(Version::HTTP_2)
            }
        };
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        builder.body(Full::new(self.body)).map_err(|source| ClientError::Malformed { what, source })
    }
}

/// A response, wholly received.
#[derive(Debug, Clone)]
pub struct Response {
    head: http::response::Parts,
    body: Bytes,
    trailers: HeaderMap,
}

impl Response {
    pub fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    pub fn version(&self) -> Version {
        self.head.version
    }

    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The first value of this header, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// Every value of this header that is text.
    pub fn header_all(&self, name: &str) -> Vec<&str> {
        self.head.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// The value of a cookie that this response sets.
    pub fn sets_cookie(&self, name: &str) -> Option<&str> {
        self.header_all("set-cookie").into_iter().find_map(|line| {
            let (known, value) = line.split(';').next()?.split_once('=')?;
            (known.trim() == name).then(|| value.trim())
        })
    }

    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The first value of this field behind the body, if it is there and text.
    pub fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.get(name)?.to_str().ok()
    }

    /// The body, if it is text; else a sentence that says so.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("(not UTF-8)")
    }

    /// Of the body: what there is to say, where the rest of it is of one request.
    pub fn first_line(&self) -> &str {
        self.text().lines().next().unwrap_or_default()
    }

    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        or_fail(self.try_json())
    }

    /// # Errors
    ///
    /// Where the body is not JSON of that shape.
    pub fn try_json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// What an origin that echoes has received.
    #[track_caller]
    pub fn echo(&self) -> Echo {
        self.json()
    }
}

/// What an origin that echoes was asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Echo {
    /// The name of the origin, if it has one.
    pub origin: Option<String>,
    pub method: String,
    /// With the query.
    pub path: String,
    pub version: String,
    pub host: Option<String>,
    /// In order; names are lower case.
    pub headers: Vec<(String, String)>,
    pub body_length: usize,
}

impl Echo {
    /// As JSON, with a line for each header.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        let Self { origin, method, path, version, host, headers, body_length } = self;
        let mut text = String::from("{\n");
        for (name, value) in [
            ("origin", json!(origin)),
            ("method", json!(method)),
            ("path", json!(path)),
            ("version", json!(version)),
            ("host", json!(host)),
            ("body_length", json!(body_length)),
        ] {
            text += &format!("  \"{name}\": {value},\n");
        }
        let lines = headers.iter().map(|line| Ok("    ".to_owned() + &serde_json::to_string(line)?));
        let lines = lines.collect::<Result<Vec<_>, serde_json::Error>>()?;
        Ok(text + "  \"headers\": [\n" + &lines.join(",\n") + "\n  ]\n}\n")
    }

    /// The first value of this header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_all(name).first().copied()
    }

    pub fn header_all(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value).collect()
    }
}

/// What bytes go over, both ways.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for T {}

pub(super) enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// A new one, and what its TLS handshake came to.
    pub(super) async fn open(
        address: SocketAddr,
        protocol: &Protocol,
        what: &str,
    ) -> Result<(Self, Option<Handshake>), ClientError> {
        let refused = |source| ClientError::Connect { address, source };
        let stream = TcpStream::connect(address).await.map_err(refused)?;
        stream.set_nodelay(true).map_err(refused)?;
        let failed = |source| ClientError::Exchange { address, what: what.to_owned(), source };
        match protocol {
            Protocol::Http1 => Ok((Self::http1(stream).await.map_err(failed)?, None)),
            Protocol::H2c => Ok((Self::http2(stream).await.map_err(failed)?, None)),
            Protocol::Tls(tls) => {
                let name = || ClientError::Name { name: tls.name.clone().unwrap_or_default() };
                let server = tls.server(address).ok_or_else(name)?;
                let stream = TlsConnector::from(Arc::clone(&tls.config)).connect(server, stream).await;
                let stream = stream.map_err(|source| ClientError::Handshake { address, source })?;
                let handshake = Handshake::of_client(stream.get_ref().1, tls.name.clone());
                let open = if handshake.protocol.as_deref() == Some("h2") {
                    Self::http2(stream).await
                } else {
                    Self::http1(stream).await
                };
                Ok((open.map_err(failed)?, Some(handshake)))
            }
        }
    }

    // The connections run when a request is waited for, and report their failures there.

    async fn http1(stream: impl Transport) -> hyper::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self::Http1(sender))
    }

    async fn http2(stream: impl Transport) -> hyper::Result<Self> {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self::Http2(sender))
    }

    /// Whether it still takes requests, as far as one can see from here.
    pub(super) async fn is_open(&mut self) -> bool {
        // Lets the connection notice its end: the first turn looks at the
        // sockets, and in the second the connection learns what was seen.
        for _turn in 0..2 {
            tokio::task::yield_now().await;
        }
        match self {
            Self::Http1(sender) => sender.ready().await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    pub(super) async fn exchange(
        &mut self,
        request: http::Request<Full<Bytes>>,
        address: SocketAddr,
        what: &str,
    ) -> Result<Response, ClientError> {
        let failed = |source| ClientError::Exchange { address, what: what.to_owned(), source };
        let response = match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        };
        let (head, body) = response.map_err(failed)?.into_parts();
        let whole = body.collect().await.map_err(failed)?;
        let trailers = whole.trailers().cloned().unwrap_or_default();
        Ok(Response { head, body: whole.to_bytes(), trailers })
    }
}
