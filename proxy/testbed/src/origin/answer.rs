//! What an origin answers to one request.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Version, request};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::{Request, Response};

use super::manner::{Death, Manner, Say};
use crate::client::Echo;

pub(super) type AnswerBody = Either<Full<Bytes>, Either<BrokenBody, Either<LongBody, TrailedBody>>>;

/// hyper closes the connection when it is given an error in place of an answer.
#[derive(Debug, thiserror::Error)]
#[error("this origin dies on purpose")]
pub(super) struct Dies;

pub(super) async fn answer(
    request: Request<Incoming>,
    manner: Arc<Manner>,
    status: Option<StatusCode>,
) -> Result<Response<AnswerBody>, Dies> {
    if !manner.pause.is_zero() {
        tokio::time::sleep(manner.pause).await;
    }
    if manner.death == Some(Death::OnRequest) {
        return Err(Dies);
    }
    let version = request.version();
    let body = match &manner.say {
        Say::Measure => match asked_for(&request) {
            Some(length) => {
                return Ok(Response::new(Either::Right(Either::Right(Either::Left(LongBody(length))))));
            }
            None => length_of(request.into_body()).await?.to_string().into(),
        },
        Say::Bytes(body) => body.clone(),
        Say::Echo => {
            let (head, body) = request.into_parts();
            echo(manner.name.clone(), &head, body).await?
        }
    };
    let body = match manner.death {
        Some(Death::InBody) => {
            Either::Right(Either::Left(BrokenBody { length: body.len().max(2), begun: false, silent: false }))
        }
        Some(Death::Silent) => {
            Either::Right(Either::Left(BrokenBody { length: body.len().max(2), begun: false, silent: true }))
        }
        Some(Death::OnAccept | Death::OnRequest | Death::AfterAnswer | Death::Nonsense) | None
            if manner.trailers.is_empty() =>
        {
            Either::Left(Full::new(body))
        }
        Some(_) | None => {
            let trailed =
                TrailedBody(VecDeque::from([Frame::data(body), Frame::trailers(manner.trailers.clone())]));
            Either::Right(Either::Right(Either::Right(trailed)))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status.unwrap_or(manner.status);
    *response.headers_mut() = manner.headers.clone();
    if manner.death == Some(Death::AfterAnswer) && version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// How many bytes are to be sent, if that is what is asked.
fn asked_for(request: &Request<Incoming>) -> Option<u64> {
    let last = request.uri().path().rsplit('/').next()?;
    (request.method() == Method::GET).then(|| last.parse().ok())?
}

async fn length_of(mut body: Incoming) -> Result<u64, Dies> {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_gone| Dies)?;
        length += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(length)
}

async fn echo(origin: Option<String>, head: &request::Parts, body: Incoming) -> Result<Bytes, Dies> {
    let body = body.collect().await.map_err(|_gone| Dies)?.to_bytes();
    let echo = Echo {
        origin,
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        version: format!("{:?}", head.version),
        host: head.uri.host().map(str::to_owned).or_else(|| text(&head.headers, "host")),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body_length: body.len(),
    };
    Ok(echo.to_json().map_err(|_never| Dies)?.into())
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// Announces `length` bytes, sends one, and breaks off or says no more.
pub(super) struct BrokenBody {
    length: usize,
    begun: bool,
    silent: bool,
}

impl Body for BrokenBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.begun && self.silent {
            return Poll::Pending;
        }
        if self.begun {
            // The end, though more was announced: hyper breaks the connection off.
            return Poll::Ready(None);
        }
        self.begun = true;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}

/// So many bytes, a piece at a time.
pub(super) struct LongBody(u64);

impl Body for LongBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
        let length = usize::try_from(self.0).map_or(PIECE.len(), |left| left.min(PIECE.len()));
        let Some(piece) = PIECE.get(..length).filter(|piece| !piece.is_empty()) else {
            return Poll::Ready(None);
        };
        self.0 -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

/// A body of unknown length, and what comes behind it.
pub(super) struct TrailedBody(VecDeque<Frame<Bytes>>);

impl Body for TrailedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}
