//! A configuration, written out again.

use crate::config::Off;
use crate::limits::Drain;
use crate::module::FilePath;
use crate::names::Name;
use crate::tree::At;
use crate::written::{Entries, List, OneOf, Written, meant};
use crate::{Config, GeoSource, raw};

pub(crate) fn explain(config: &Config) -> String {
    // One line for each value, however long: a folded pattern is hard to compare.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut yaml = String::new();
    let written = serde_saphyr::to_fmt_writer_with_options(&mut yaml, &write(config).show(), options);
    debug_assert!(written.is_ok(), "a tree of texts and numbers can always be written");
    yaml
}

fn write(config: &Config) -> raw::File {
    raw::File {
        listeners: meant(List(config.listeners.iter().map(|one| At::unwritten(one.write())).collect())),
        admin: meant(match config.admin {
            None => OneOf::Short(Off::Off),
            Some(bind) => OneOf::Full(raw::Admin { bind: meant(bind) }),
        }),
        workers: meant(config.workers.into()),
        access_log: meant(config.access_log.clone()),
        drain: meant(Drain(config.drain)),
        limits: meant(config.limits.into()),
        cache: meant(config.cache.clone()),
        geo: meant(config.geo.as_ref().map(write_geo)),
        answers: meant(config.answers.clone().into()),
        modules: entries(&config.modules, |module| (&module.name, module.write())),
        filters: entries(&config.filters, |filter| (&filter.name, filter.write(config))),
        clusters: entries(&config.clusters, |cluster| (&cluster.name, cluster.write(config))),
        dns: meant(config.dns.write()),
        routes: meant(List(config.routes.iter().map(|route| At::unwritten(route.write(config))).collect())),
    }
}

fn write_geo(geo: &GeoSource) -> raw::Geo {
    raw::Geo { database: meant(FilePath(geo.database.clone())), asn: meant(geo.asn.clone().map(FilePath)) }
}

fn entries<T, V>(items: &[T], write: impl Fn(&T) -> (&String, V)) -> crate::written::Field<Entries<Name, V>> {
    let named =
        items.iter().map(write).map(|(name, value)| (At::unwritten(Name(name.clone())), meant(value)));
    meant(Entries(named.collect()))
}
