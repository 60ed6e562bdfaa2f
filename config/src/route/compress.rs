//! Which responses are made smaller on their way to the client.

use edgeloom_core::compress::{Compression, MediaPattern};
use edgeloom_core::units::Bytes;
use serde_json::{Value, json};

use crate::limits::{BrotliLevel, GzipLevel, Least, ZstdLevel};
use crate::tree::At;
use crate::written::{Leaf, List, OneOf, meant, section, texts};

/// `on` or `off`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Switch {
    On,
    Off,
}

/// Older YAML takes `on` for `true`, and so do some editors.
impl Leaf for Switch {
    const NAME: &'static str = "`on` or `off`";
    const EXAMPLE: &'static str = "on";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "on" | "true" => Ok(Self::On),
            "off" | "false" => Ok(Self::Off),
            _ => Err("write `on` or `off`, or a map, such as `{ types: [text/html] }`".to_owned()),
        }
    }

    fn show(&self) -> Value {
        match self {
            Self::On => "on".into(),
            Self::Off => "off".into(),
        }
    }

    fn schema() -> Value {
        json!({ "enum": ["on", "off", true, false] })
    }

    fn what() -> String {
        Self::NAME.to_owned()
    }
}

section! {
    /// Responses that are compressed on their way to the client, by what it accepts: zstd, br or gzip, in this order where it wants them as much. Only whole bodies are, that are not compressed already, have no `no-transform` and no digest; event streams and gRPC are let be. `Vary` says so, and an `ETag` becomes a weak one. A body without a length is sent on piece by piece, as it comes. Do not ask for it where pages hold secrets beside what a request can choose: their size tells of both (BREACH).
    Own = "compress" {
        /// The media types, with one `*` for any text behind the `/`.
        types: List<MediaPattern, 1> = List(default_types()),
        /// What is shorter is left alone: the head of a packet has room for it anyway.
        least: Least = Least(Bytes::kib(1)),
        /// How hard zstd tries, from 1; 0 leaves it out. While a piece is compressed, its worker serves nobody else.
        zstd: ZstdLevel = ZstdLevel(3),
        /// How hard brotli tries; 0 leaves it out.
        br: BrotliLevel = BrotliLevel(4),
        /// How hard gzip tries; 0 leaves it out.
        gzip: GzipLevel = GzipLevel(5),
    }
}

fn default_types() -> Vec<At<MediaPattern>> {
    let types = [
        "text/*",
        "application/json",
        "application/*+json",
        "application/javascript",
        "application/xml",
        "application/*+xml",
        "application/wasm",
        "image/svg+xml",
    ];
    types.iter().filter_map(|kind| kind.parse().ok()).map(At::unwritten).collect()
}

impl Own {
    /// As if nothing were written but that it is wanted.
    fn by_default() -> Self {
        Self {
            types: meant(List(default_types())),
            least: meant(Least(Bytes::kib(1))),
            zstd: meant(ZstdLevel(3)),
            br: meant(BrotliLevel(4)),
            gzip: meant(GzipLevel(5)),
        }
    }

    fn resolve(self) -> Option<Compression> {
        Some(Compression {
            types: self.types?.value.0.into_iter().map(|kind| kind.value).collect(),
            least: self.least?.value.0.0,
            zstd: self.zstd?.value.0,
            br: self.br?.value.0,
            gzip: self.gzip?.value.0,
        })
    }
}

/// `Some(None)` where nothing is wanted; `None` where that can not be told.
pub(super) fn resolve(raw: OneOf<Switch, Own>) -> Option<Option<Compression>> {
    match raw {
        OneOf::Short(Switch::Off) => Some(None),
        OneOf::Short(Switch::On) => Own::by_default().resolve().map(Some),
        OneOf::Full(own) => own.resolve().map(Some),
    }
}

pub(super) fn write(compression: Option<&Compression>) -> OneOf<Switch, Own> {
    match compression {
        None => OneOf::Short(Switch::Off),
        Some(compression) => OneOf::Full(Own {
            types: meant(List(compression.types.iter().cloned().map(At::unwritten).collect())),
            least: meant(Least(Bytes(compression.least))),
            zstd: meant(ZstdLevel(compression.zstd)),
            br: meant(BrotliLevel(compression.br)),
            gzip: meant(GzipLevel(compression.gzip)),
        }),
    }
}

texts! {
    MediaPattern = "a media type" like "text/html";
}
