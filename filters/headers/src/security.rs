//! The response headers that everybody forgets.

use edgeloom_sdk::{HeaderName, Settings, header};

use crate::rules::Rules;
use crate::template::Named;

/// Which of them are sent.
#[derive(Debug, Settings)]
pub(crate) struct Security {
    #[settings(default)]
    preset: Preset,
    /// In place of the preset's policy; the recommended one has none.
    csp: Option<Named>,
    /// In place of the preset's.
    hsts: Option<Named>,
    #[settings(default)]
    except: Vec<HeaderName>,
    /// Whether what the upstream says itself is left as it is.
    #[settings(default)]
    keep: bool,
}

#[derive(Debug, Clone, Copy, Default, Settings)]
enum Preset {
    /// What hardly any site has a reason against.
    #[default]
    Recommended,
    /// For sites that embed nothing, are embedded nowhere and have no plain-HTTP sub-domains.
    Strict,
}

impl Security {
    /// Adds the headers that the operator does not write in another way.
    pub(crate) fn add_to(self, rules: &mut Rules) {
        let preset = match self.preset {
            Preset::Recommended => RECOMMENDED,
            Preset::Strict => STRICT,
        };
        let own =
            [(HSTS, self.hsts), (CSP, self.csp)].into_iter().filter_map(|(name, value)| Some((name, value?)));
        let preset = preset.iter().map(|(name, value)| (*name, Named::plain(value)));
        for (name, value) in own.chain(preset) {
            if self.except.contains(name) || rules.names().any(|known| known == name) {
                continue;
            }
            // RFC 6797 section 7.2: not on connections that are not encrypted.
            let value = if name == HSTS { value.encrypted() } else { value };
            let value = value.number(&mut rules.slots);
            let lines = if self.keep { &mut rules.default } else { &mut rules.set };
            lines.push((name.clone(), vec![value]));
        }
    }
}

const HSTS: &HeaderName = header!("strict-transport-security");
const CSP: &HeaderName = header!("content-security-policy");

type Lines = &'static [(&'static HeaderName, &'static str)];

const RECOMMENDED: Lines = &[
    (HSTS, "max-age=31536000"),
    (header!("x-content-type-options"), "nosniff"),
    (header!("x-frame-options"), "SAMEORIGIN"),
    (header!("referrer-policy"), "strict-origin-when-cross-origin"),
    (header!("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

const STRICT: Lines = &[
    (HSTS, "max-age=63072000; includeSubDomains"),
    (header!("x-content-type-options"), "nosniff"),
    (header!("x-frame-options"), "DENY"),
    (header!("referrer-policy"), "no-referrer"),
    (
        header!("permissions-policy"),
        "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=()",
    ),
    (header!("cross-origin-opener-policy"), "same-origin"),
    (header!("cross-origin-resource-policy"), "same-origin"),
    (
        CSP,
        "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
];
