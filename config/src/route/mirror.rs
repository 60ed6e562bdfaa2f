//! Who is sent copies of requests.

use edgeloom_core::ids::ClusterId;
use edgeloom_core::units::Percent;

use crate::Config;
use crate::names::Name;
use crate::problem::Problems;
use crate::resolve::Known;
use crate::written::{meant, section};

/// A cluster that is sent copies of some requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mirror {
    pub cluster: ClusterId,
    pub share: Percent,
}

section! {
    /// Copies of requests, for a second cluster. They are sent as the filters left them, with their route's name in `x-edgeloom-mirror`; the client neither waits for them nor sees what comes of them: the answers are counted (`edgeloom_mirrored_total`) and thrown away. A request whose body is larger than 64KiB is not copied, nor is one while a hundred copies of the process are under way.
    Mirroring = "a route's `mirror`" {
        /// The cluster that the copies are sent to.
        to: Name,
        /// The share of the requests that is copied, by chance.
        share: Percent = Percent(100),
    }
}

impl Mirror {
    pub(super) fn resolve(raw: Mirroring, known: &Known, problems: &mut Problems) -> Option<Self> {
        let to = raw.to.and_then(|to| known.clusters.find(&to.value, to.span, problems));
        Some(Self { cluster: ClusterId(to?), share: raw.share?.value })
    }

    pub(super) fn write(self, config: &Config) -> Mirroring {
        let cluster = config.clusters.get(self.cluster.index());
        Mirroring {
            to: cluster.and_then(|cluster| meant(Name(cluster.name.clone()))),
            share: meant(self.share),
        }
    }
}
