//! What becomes of a body on its way to the client, where the operator wants it smaller.
//!
//! Pingora's own module takes the first coding that a client names, whatever its weight, and does not end what it
//! compresses with brotli.

use std::io::{self, Write as _};

use brotli::CompressorWriter;
use bytes::Bytes;
use edgeloom_core::compress::{Asked, Coding, Compression};
use flate2::write::GzEncoder;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use pingora_core::{ErrorType, OrErr as _, Result};
use pingora_http::ResponseHeader;
use pingora_proxy::Session;

use crate::exchange::Exchange;
use crate::limits::COMPRESSION_WINDOW_BITS;

/// Compresses one body, piece by piece.
pub(crate) struct Compressor {
    encoder: Encoder,
    /// Nobody knows how long the body is, so somebody may be waiting for each piece of it.
    streams: bool,
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

/// Settles whether the response is compressed, once filters have seen its head.
///
/// # Errors
///
/// Where the memory for it can not be had.
pub(super) fn begin(session: &Session, header: &mut ResponseHeader, exchange: &mut Exchange) -> Result<()> {
    // In a tunnel, bytes are nobody's business.
    if header.status.is_informational() || exchange.tunnel.is_some() {
        return Ok(());
    }
    let Some(compression) = wanted(exchange) else {
        return Ok(());
    };
    let streams = !header.headers.contains_key(CONTENT_LENGTH);
    // Pingora keeps the names' spelling beside the headers, and both must hold the same names: so they are
    // taken out, and put back without it.
    let empty = ResponseHeader::from(http::Response::new(()).into_parts().0);
    let mut parts = http::response::Parts::from(std::mem::replace(header, empty));
    let coding = compression.settle(asked(session), parts.status, &mut parts.headers);
    if coding.is_some() {
        parts.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        parts.version = Version::HTTP_11;
    }
    *header = ResponseHeader::from(parts);
    exchange.compressor = coding.map(|coding| Compressor::new(coding, streams)).transpose()?.map(Box::new);
    Ok(())
}

/// Compresses a piece of the body, if it is to be.
///
/// # Errors
///
/// Where it can not be: the body breaks off then.
pub(super) fn pass(body: &mut Option<Bytes>, end: bool, exchange: &mut Exchange) -> Result<()> {
    let Some(compressor) = &mut exchange.compressor else {
        return Ok(());
    };
    let piece = body.take().unwrap_or_default();
    let mut compressed = compressor.take(&piece).or_err(FAILED, "while compressing")?;
    if end && let Some(compressor) = exchange.compressor.take() {
        compressed.extend(compressor.end().or_err(FAILED, "while compressing")?);
    }
    // An empty piece would be the end of a body in chunks.
    *body = (!compressed.is_empty()).then(|| compressed.into());
    Ok(())
}

/// The end of a body that trailers follow; they can not be sent behind it.
///
/// # Errors
///
/// Where there is none: the body breaks off then.
pub(super) fn end(exchange: &mut Exchange) -> Result<Option<Bytes>> {
    let ended = exchange.compressor.take().map(|compressor| compressor.end());
    Ok(ended.transpose().or_err(FAILED, "while compressing")?.map(Bytes::from))
}

/// Compresses an answer of our own.
///
/// # Errors
///
/// Where the memory for it can not be had.
pub(super) fn whole(
    session: &Session,
    exchange: &Exchange,
    status: StatusCode,
    headers: &mut HeaderMap,
    body: Bytes,
) -> Result<Bytes> {
    let Some(compression) = wanted(exchange) else {
        return Ok(body);
    };
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let Some(coding) = compression.settle(asked(session), status, headers) else {
        return Ok(body);
    };
    let mut compressor = Compressor::new(coding, false)?;
    let mut compressed = compressor.take(&body).or_err(FAILED, "while compressing")?;
    compressed.extend(compressor.end().or_err(FAILED, "while compressing")?);
    Ok(compressed.into())
}

/// What the route's operator wants. `None` where that is nothing.
fn wanted(exchange: &Exchange) -> Option<&Compression> {
    exchange.route()?.compression.as_ref()
}

fn asked(session: &Session) -> Asked<'_> {
    let request = session.req_header();
    Asked { method: &request.method, version: request.version, headers: &request.headers }
}

impl Compressor {
    fn new(coding: Coding, streams: bool) -> Result<Self> {
        let encoder = match coding {
            Coding::Gzip(level) => Encoder::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(level))),
            Coding::Brotli(level) => Encoder::Brotli(Box::new(CompressorWriter::new(
                Vec::new(),
                0,
                level,
                COMPRESSION_WINDOW_BITS,
            ))),
            Coding::Zstd(level) => Encoder::Zstd(zstd(level).or_err(FAILED, "while setting up zstd")?),
        };
        Ok(Self { encoder, streams })
    }

    /// Takes a piece, and gives what there is to send of it.
    fn take(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        let flush = self.streams && !piece.is_empty();
        Ok(match &mut self.encoder {
            Encoder::Gzip(encoder) => {
                encoder.write_all(piece)?;
                if flush {
                    encoder.flush()?;
                }
                std::mem::take(encoder.get_mut())
            }
            Encoder::Brotli(encoder) => {
                encoder.write_all(piece)?;
                if flush {
                    encoder.flush()?;
                }
                std::mem::take(encoder.get_mut())
            }
            Encoder::Zstd(encoder) => {
                encoder.write_all(piece)?;
                if flush {
                    encoder.flush()?;
                }
                std::mem::take(encoder.get_mut())
            }
        })
    }

    /// What is left to send, and the mark of the end.
    fn end(self) -> io::Result<Vec<u8>> {
        match self.encoder {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Brotli(encoder) => Ok(encoder.into_inner()),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

fn zstd(level: u32) -> io::Result<zstd::stream::write::Encoder<'static, Vec<u8>>> {
    let mut encoder = zstd::stream::write::Encoder::new(
        Vec::new(),
        i32::try_from(level).unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL),
    )?;
    encoder.window_log(COMPRESSION_WINDOW_BITS)?;
    Ok(encoder)
}

const FAILED: ErrorType = ErrorType::new("CompressionFailed");

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn undone(coding: Coding, compressed: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        match coding {
            Coding::Gzip(_) => flate2::read::GzDecoder::new(compressed).read_to_end(&mut whole),
            Coding::Brotli(_) => brotli::Decompressor::new(compressed, 0).read_to_end(&mut whole),
            Coding::Zstd(_) => zstd::Decoder::new(compressed).unwrap().read_to_end(&mut whole),
        }
        .unwrap();
        whole
    }

    #[test]
    fn what_was_compressed_in_pieces_is_undone_as_a_whole() {
        let pieces: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![n; usize::from(n) * 997]).collect();
        for coding in [Coding::Gzip(5), Coding::Brotli(4), Coding::Zstd(3)] {
            for streams in [false, true] {
                let mut compressor = Compressor::new(coding, streams).unwrap();
                let mut compressed = Vec::new();
                let mut sent = 0;
                for piece in &pieces {
                    let some = compressor.take(piece).unwrap();
                    sent += usize::from(!some.is_empty());
                    compressed.extend(some);
                }
                // Where somebody may wait for it, every piece is sent when it is there.
                assert!(!streams || sent == pieces.len() - 1, "{coding:?}: {sent}");
                compressed.extend(compressor.end().unwrap());
                assert!(compressed.len() < 20_000);
                assert_eq!(undone(coding, &compressed), pieces.concat(), "{coding:?} {streams}");
            }
        }
    }
}
